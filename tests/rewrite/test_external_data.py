"""Weights in a separate file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.rewrite import external_data
from spl_onnx.rewrite.model_io import load_model, read_model, save_model
from tests.rewrite.test_model_io import data_file, small, split


def relocate(path, **changes: str) -> None:
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = changes.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("location", ["../m.onnx.data", "/etc/passwd", "a/../../x", "C:\\x", "..\\x", ""])
def test_locations_outside_are_refused(tmp_path, location):
    _, path = split(tmp_path)
    relocate(path, location=location)
    with pytest.raises(ModelError, match="is refused; wanted a relative path inside"):
        read_model(path)


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_links_are_refused(tmp_path, linked):
    _, path = split(tmp_path)
    if linked == "file":
        (tmp_path / "link").symlink_to(data_file(path))
        relocate(path, location="link")
    else:
        (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
        relocate(path, location=f"link/{data_file(path).name}")
    with pytest.raises(ModelError, match="is a link and is refused"):
        read_model(path)


@pytest.mark.parametrize("changes", [{"length": "12"}, {"offset": "-4"}, {"length": "many"}])
def test_wrong_places_are_refused(tmp_path, changes):
    _, path = split(tmp_path)
    relocate(path, **changes)
    with pytest.raises(ModelError, match=r"weights 'c\.w': "):
        read_model(path)


def test_missing_weights_file(tmp_path):
    _, path = split(tmp_path)
    data_file(path).unlink()
    with pytest.raises(
        ModelError, match=r"weights 'c\.w': file .*m\.onnx\..*\.data cannot be read .*keep it beside"
    ):
        read_model(path)


def test_truncated_weights_file(tmp_path):
    _, path = split(tmp_path)
    data = data_file(path)
    data.write_bytes(data.read_bytes()[:5000])
    with pytest.raises(
        ModelError, match=r"weights 'd\.w': .* ends early, got 0 of 4608 bytes at offset 8192"
    ):
        read_model(path)


def test_offsets_are_aligned_and_small_tensors_stay_inside(tmp_path):
    _, path = split(tmp_path)
    bare = onnx.load(path, load_external_data=False)
    entries = {t.name: {e.key: e.value for e in t.external_data} for t in bare.graph.initializer}
    assert [name for name, entry in entries.items() if not entry] == ["c.b", "d.b"]
    assert [int(e["offset"]) % external_data.ALIGNMENT for e in entries.values() if e] == [0, 0]
    assert len({e["offset"] for e in entries.values() if e}) == 2


def test_a_file_of_something_else_is_not_touched(tmp_path):
    """Not even one that has the name the data file would get."""
    model, path = split(tmp_path)
    wanted = data_file(path)
    path.unlink()
    wanted.write_text("not yours")
    split(tmp_path)
    assert wanted.read_text() == "not yours"
    assert load_model(path) == model and data_file(path) != wanted


def test_weights_of_the_old_encoding_are_written_as_raw_bytes(tmp_path):
    model = small()
    weights = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(weights)
    plain = onnx.helper.make_tensor(weights.name, 1, weights.dims, values.ravel().tolist())
    weights.CopyFrom(plain)
    save_model(model, tmp_path / "m.onnx", external_data=True)
    stored = load_model(tmp_path / "m.onnx").graph.initializer[0]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(stored), values)
