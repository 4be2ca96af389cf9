"""Weights in a separate file."""

from __future__ import annotations

import os
import stat

import numpy as np
import onnx
import pytest

from spl_onnx.errors import MissingDataError, ModelError
from spl_onnx.rewrite.model import external_data
from spl_onnx.rewrite.model.external_data import user_of
from spl_onnx.rewrite.model.model_io import load_model, read_model, save_model
from tests.rewrite.model.test_model_io import data_file, small, split


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


def set_tensor(path, change) -> None:
    """Apply a change to the first tensor of the model file."""
    model = onnx.load(path, load_external_data=False)
    change(model.graph.initializer[0])
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "location",
    ["a\0b", "\0", "a\nb", "\x1b[2J", ".", "./m.data", "a/./b", "a//b", "a/", "x" * 5000, "D:m.data", "/"],
)
def test_hostile_locations_are_one_line(tmp_path, location):
    _, path = split(tmp_path)
    relocate(path, location=location)
    with pytest.raises(ModelError, match=r"^weights 'c\.w': location .* is refused") as caught:
        read_model(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize("location", ["x" * 300, "no/such/folder/m.data", "m.onnx/data", "ünïcode"])
def test_locations_that_lead_nowhere(tmp_path, location):
    _, path = split(tmp_path)
    relocate(path, location=location)
    with pytest.raises(ModelError, match=r"weights 'c\.w': .*cannot be read"):
        read_model(path)


def test_a_location_that_is_no_text(tmp_path):
    """protobuf does not check that, and gives bytes."""
    _, path = split(tmp_path)
    name = data_file(path).name.encode()
    path.write_bytes(path.read_bytes().replace(name, b"\xff" * len(name)))
    with pytest.raises(ModelError, match="wanted UTF-8"):
        read_model(path)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_weights_come_from_plain_files(tmp_path, kind):
    """A pipe would block for ever; a link is refused by its name, however it is swapped."""
    _, path = split(tmp_path)
    data = data_file(path)
    data.unlink()
    if kind == "a device":
        try:
            os.mknod(data, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    else:
        {"a pipe": os.mkfifo, "a folder": os.mkdir}[kind](data)
    with pytest.raises(ModelError, match=rf"cannot be read \(is {kind}, wanted a plain file\)"):
        read_model(path)


def test_a_link_that_comes_after_the_look(tmp_path, monkeypatch):
    """Between looking and opening somebody may put a link into place."""
    _, path = split(tmp_path)
    data = data_file(path)
    data.rename(tmp_path / "secret")
    data.symlink_to("secret")
    monkeypatch.setattr(type(path), "is_symlink", lambda self: False)
    with pytest.raises(ModelError, match="is a link and is refused"):
        read_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": "9" * 30},
        {"offset": "1e3"},
        {"offset": " 0"},
        {"offset": "1_0"},
        {"offset": ""},
        {"offset": "٣"},
        {"offset": "9" * 6000},
        {"length": str(1 << 62)},
        {"length": "-4608"},
    ],
)
def test_numbers_that_are_none(tmp_path, changes):
    _, path = split(tmp_path)
    relocate(path, **changes)
    with pytest.raises(ModelError, match=r"^weights 'c\.w': ") as caught:
        read_model(path)
    assert len(str(caught.value)) < 400


def test_an_offset_behind_the_end(tmp_path):
    _, path = split(tmp_path)
    relocate(path, offset=str(1 << 62))
    with pytest.raises(
        MissingDataError, match=r"ends early, got 0 of 4608 bytes at offset 4611686018427387904"
    ):
        read_model(path)


def test_sizes_are_compared_before_memory_is_taken(tmp_path):
    """The model announces 2^60 bytes, and the file has 2^40 of them, all holes."""
    _, path = split(tmp_path)
    with data_file(path).open("r+b") as file:
        file.truncate(1 << 40)
    size = str(1 << 60)
    set_tensor(path, lambda tensor: tensor.dims.__setitem__(slice(None), [1 << 58]))
    relocate(path, length=size)
    with pytest.raises(MissingDataError, match=rf"ends early, got {1 << 40} of {size} bytes"):
        read_model(path)


def test_what_does_not_fit_into_memory(tmp_path):
    """A hole of 2^45 bytes is all there; no machine has such memory, and no process such addresses."""
    _, path = split(tmp_path)
    try:
        with data_file(path).open("r+b") as file:
            file.truncate(1 << 43)
    except OSError as error:
        pytest.skip(f"this file system has no files so large: {error}")
    set_tensor(path, lambda tensor: tensor.dims.__setitem__(slice(None), [1 << 41]))
    relocate(path, length=str(1 << 43), offset="0")
    with pytest.raises(ModelError, match="does not fit into memory"):
        read_model(path)


@pytest.mark.parametrize("kind", [0, 8, 99, -1])
def test_types_that_cannot_be_in_a_file(tmp_path, kind):
    _, path = split(tmp_path)
    set_tensor(path, lambda tensor: setattr(tensor, "data_type", kind))
    with pytest.raises(ModelError, match=rf"^weights 'c\.w': got data type {kind} in a file"):
        read_model(path)


def test_negative_sizes(tmp_path):
    _, path = split(tmp_path)
    set_tensor(path, lambda tensor: tensor.dims.__setitem__(slice(None), [-8, -144]))
    with pytest.raises(ModelError, match=r"got shape \[-8, -144\], wanted no negative sizes"):
        read_model(path)


def test_many_files(tmp_path):
    """One for each tensor, as onnx writes them on request: only one is open at a time."""
    onnx.save(
        small(),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
        convert_attribute=False,
    )
    loaded = read_model(tmp_path / "m.onnx")
    assert loaded.model == small() and len(loaded.weight_files) == len(small().graph.initializer)


def test_weights_below_the_folder(tmp_path):
    model, path = split(tmp_path)
    (tmp_path / "sub").mkdir()
    data_file(path).rename(tmp_path / "sub" / "weights")
    bare = onnx.load(path, load_external_data=False)
    for tensor in bare.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "sub/weights" if entry.key == "location" else entry.value
    path.write_bytes(bare.SerializeToString())
    loaded = read_model(path)
    assert loaded.model == model and loaded.weight_files == (tmp_path / "sub" / "weights",)


def test_types_that_share_a_byte(tmp_path):
    """Not as raw data in the model: the file holds two of them in a byte, as readers expect."""
    model = small()
    values = np.arange(-8, 8).repeat(200)
    tensor = onnx.helper.make_tensor("q", onnx.TensorProto.INT4, [3200], values.tolist())
    assert not tensor.HasField("raw_data")
    model.graph.initializer.append(tensor)
    save_model(model, tmp_path / "m.onnx", external_data=True)
    bare = onnx.load(tmp_path / "m.onnx", load_external_data=False).graph.initializer[-1]
    assert {entry.key: entry.value for entry in bare.external_data}["length"] == "1600"
    stored = load_model(tmp_path / "m.onnx").graph.initializer[-1]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(stored).astype(int), values)


@pytest.mark.parametrize("raw", [False, True])
def test_data_that_does_not_belong_to_its_shape(tmp_path, raw):
    model = small()
    weights = model.graph.initializer[0]
    size = weights.dims[0]
    if raw:
        weights.raw_data = weights.raw_data[:-4]
    else:
        weights.CopyFrom(onnx.helper.make_tensor(weights.name, 1, [4], [1.0] * 4))
        weights.dims[:] = [size, 144]
    with pytest.raises(ModelError, match=r"^weights 'c\.w': got \d+ bytes of data that fit, wanted 4608"):
        save_model(model, tmp_path / "m.onnx", external_data=True)
    assert list(tmp_path.iterdir()) == []


def test_whose_weights_are_in_a_file(tmp_path):
    _, path = split(tmp_path)
    data = data_file(path)
    (tmp_path / "other.onnx").write_bytes(b"\x08" + data.name.encode())
    (tmp_path / "link").symlink_to(data.name)
    assert user_of(data) == user_of(tmp_path / "link") == path
    (tmp_path / "m.data").write_text("of nobody")
    for name in ("m.data", "m.onnx", "other.onnx", "none", "."):
        assert user_of(tmp_path / name) is None
    path.rename(tmp_path / "model.of.another.kind")
    assert user_of(data) == tmp_path / "model.of.another.kind"


def test_the_message_names_the_file_that_is_too_short(tmp_path):
    """Tensors take turns between two files."""
    _, path = split(tmp_path)
    (tmp_path / "second").write_bytes(data_file(path).read_bytes()[:5000])
    model = onnx.load(path, load_external_data=False)
    external = [tensor for tensor in model.graph.initializer if tensor.external_data]
    twice = onnx.TensorProto()
    twice.CopyFrom(external[1])
    twice.name = "again"
    model.graph.initializer.append(twice)
    for tensor, offset in ((external[0], "0"), (model.graph.initializer[-1], "4096")):
        tensor.external_data[0].value = "second"
        tensor.external_data[1].value = offset
    path.write_bytes(model.SerializeToString())
    with pytest.raises(MissingDataError, match=r"weights 'again': .*second ends early, got 904 of 4608"):
        read_model(path)
