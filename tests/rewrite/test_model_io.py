"""Reading and writing model files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.rewrite import model_io
from spl_onnx.rewrite.model_io import load_model, read_model, save_model
from tests.rewrite.builders import Net, images, rewritten, run


def small() -> onnx.ModelProto:
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 16, 6, 6]), "c", 8, 16)], "r")
    made.node("Relu", [made.conv("r", "d", 16, 8)], "y")
    return made.model("y")


def changed() -> onnx.ModelProto:
    """The same network with other weights."""
    model = small()
    for tensor in model.graph.initializer:
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + 1, tensor.name))
    return model


def data_file(path: Path) -> Path:
    """The file that holds the weights of the model at `path`."""
    bare = onnx.load(path, load_external_data=False)
    (name,) = {e.value for t in bare.graph.initializer for e in t.external_data if e.key == "location"}
    return path.with_name(name)


def split(tmp_path, name: str = "m.onnx") -> tuple[onnx.ModelProto, Path]:
    model = small()
    path = tmp_path / name
    save_model(model, path, external_data=True)
    return model, path


def test_one_file(tmp_path):
    model = small()
    save_model(model, tmp_path / "m.onnx")
    assert load_model(tmp_path / "m.onnx") == model
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_two_files(tmp_path):
    model, path = split(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"m.onnx", data_file(path).name}
    assert re.fullmatch(r"m\.onnx\.[0-9a-f]{16}\.data", data_file(path).name)
    assert load_model(path) == model
    read = [t.raw_data for t in onnx.load(path).graph.initializer]
    assert read == [t.raw_data for t in model.graph.initializer], "onnx reads it too"
    onnx.checker.check_model(str(path), full_check=True)


def test_threshold(tmp_path):
    files = save_model(small(), tmp_path / "m.onnx", threshold=100)
    assert files == (tmp_path / "m.onnx", data_file(tmp_path / "m.onnx"))
    assert save_model(small(), tmp_path / "inside.onnx", threshold=100_000) == (tmp_path / "inside.onnx",)


def test_external_data_stays_external(tmp_path):
    model, path = split(tmp_path)
    loaded = read_model(path)
    assert loaded.external_data is True and loaded.files == (path, data_file(path))
    result = rewritten(path)
    assert result.save(tmp_path / "out.onnx") == (tmp_path / "out.onnx", data_file(tmp_path / "out.onnx"))
    x = {"x": images(1, 16, 6, 6)}
    np.testing.assert_allclose(
        run(load_model(tmp_path / "out.onnx"), x)[0], run(model, x)[0], rtol=1e-5, atol=1e-5
    )


def test_saving_again_neither_appends_nor_leaves_files(tmp_path):
    model, path = split(tmp_path)
    names = {p.name for p in tmp_path.iterdir()}
    size = data_file(path).stat().st_size
    for _ in range(3):
        save_model(model, path, external_data=True)
        assert {p.name for p in tmp_path.iterdir()} == names, "the same content has the same name"
        assert data_file(path).stat().st_size == size and load_model(path) == model
    other = changed()
    save_model(other, path, external_data=True)
    assert {p.name for p in tmp_path.iterdir()} == {"m.onnx", data_file(path).name} != names
    assert load_model(path) == other
    save_model(model, path, external_data=False)
    assert load_model(path) == model and [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("stage", ["data", "model"])
def test_a_failure_leaves_the_old_output_untouched(tmp_path, monkeypatch, external, stage):
    _, path = split(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    replace = type(path).replace
    fail_at = 0 if stage == "data" or not external else 1
    calls = []

    def failing(self, target):
        calls.append(target)
        if len(calls) == fail_at + 1:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(type(path), "replace", failing)
    with pytest.raises(ModelError, match=r"cannot be written .*No space left"):
        save_model(changed(), path, external_data=external)
    assert len(calls) == fail_at + 1
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be written \(No such file or directory\)"):
        save_model(small(), tmp_path / "no" / "m.onnx")


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"m\.onnx: no such file"):
        read_model(tmp_path / "m.onnx")


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello world, this is text", b"\x08\x08"])
def test_not_onnx(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.onnx: .*(not an ONNX model|holds no ONNX graph)"):
        read_model(path)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_truncated(tmp_path, fraction):
    content = small().SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(ModelError, match=r"truncated|holds no ONNX graph"):
        read_model(path)


def test_a_model_in_memory_must_have_its_weights(tmp_path):
    _, path = split(tmp_path)
    with pytest.raises(ModelError, match="pass its path"):
        read_model(onnx.load(path, load_external_data=False))


def test_limit_leaves_room_below_two_gib():
    assert model_io.MAX_INLINE_BYTES < 2**31 - 50_000_000
