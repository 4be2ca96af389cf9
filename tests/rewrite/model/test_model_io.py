"""Reading and writing model files."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.rewrite.model import model_io
from spl_onnx.rewrite.model.model_io import load_model, read_model, save_model
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


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_a_model_is_a_plain_file(tmp_path, kind):
    """A pipe without a writer would block for ever, and a device may have no end."""
    os.mkfifo(tmp_path / "pipe")
    path = {"a pipe": tmp_path / "pipe", "a device": "/dev/zero"}[kind]
    with pytest.raises(ModelError, match=rf"cannot be read \(is {kind}, wanted a plain file\)"):
        read_model(path)


@pytest.mark.parametrize("name", ["a\0b.onnx", "a\ud800.onnx", "a" * 300])
def test_names_that_no_file_can_have(tmp_path, name):
    with pytest.raises(ModelError, match=r"cannot be read \("):
        read_model(tmp_path / name)
    with pytest.raises(ModelError, match=r"cannot be written \("):
        save_model(small(), tmp_path / name)


def test_a_model_comes_through_a_pipe_that_is_open(tmp_path):
    model = small()
    reader, writer = os.pipe()
    thread = threading.Thread(target=lambda: os.write(writer, model.SerializeToString()) and os.close(writer))
    thread.start()
    try:
        assert load_model(f"/dev/fd/{reader}") == model
    finally:
        os.close(reader)
        thread.join()


def test_a_file_above_the_limit_of_protobuf(tmp_path):
    with (tmp_path / "m.onnx").open("wb") as file:
        file.truncate(1 << 41)
    with pytest.raises(ModelError, match=r"cannot be read \(holds more than 2147483647 bytes\)"):
        read_model(tmp_path / "m.onnx")


def test_a_model_through_streams(tmp_path):
    assert save_model(small(), os.devnull) == ()
    with pytest.raises(ModelError, match="weights cannot be beside it"):
        save_model(small(), os.devnull, external_data=True)
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=save_model, args=(small(), tmp_path / "pipe"), daemon=True)
    thread.start()
    assert onnx.load_from_string((tmp_path / "pipe").read_bytes()) == small()
    thread.join(10)
    assert (tmp_path / "pipe").is_fifo()


def test_links_stay(tmp_path):
    _, path = split(tmp_path, "real.onnx")
    (tmp_path / "link.onnx").symlink_to("real.onnx")
    save_model(changed(), tmp_path / "link.onnx", external_data=True)
    assert (tmp_path / "link.onnx").is_symlink() and not path.is_symlink()
    assert load_model(path) == load_model(tmp_path / "link.onnx") == changed()
    assert {p.name for p in tmp_path.iterdir()} == {"real.onnx", "link.onnx", data_file(path).name}


def test_modes_are_kept(tmp_path):
    _, path = split(tmp_path)
    path.chmod(0o640)
    save_model(changed(), path, external_data=True)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, data_file(path))] == [0o640, 0o640]


@pytest.mark.parametrize("by", ["name", "soft link", "hard link"])
def test_weights_of_the_input_are_no_output(tmp_path, by):
    onnx.save(small(), tmp_path / "in.onnx", save_as_external_data=True, location="in.data", size_threshold=0)
    result = rewritten(tmp_path / "in.onnx")
    output = tmp_path / "in.data"
    if by == "soft link":
        output = tmp_path / "link"
        output.symlink_to("in.data")
    elif by == "hard link":
        output = tmp_path / "hard"
        output.hardlink_to(tmp_path / "in.data")
    with pytest.raises(UsageError, match=r"holds the input model or its weights \(.*in\.data\)"):
        result.save(output)
    assert load_model(tmp_path / "in.onnx") == small()


def test_the_input_itself_may_be_replaced_from_python(tmp_path):
    model, path = split(tmp_path)
    rewritten(path).save(path)
    x = {"x": images(1, 16, 6, 6)}
    np.testing.assert_allclose(run(load_model(path), x)[0], run(model, x)[0], rtol=1e-5, atol=1e-5)
    assert {p.name for p in tmp_path.iterdir()} == {"m.onnx", data_file(path).name}


def test_a_model_that_is_replaced_while_it_is_read(tmp_path, monkeypatch):
    """The reader has the old model, whose weights are gone then: it gets the new one with its weights."""
    _, path = split(tmp_path)
    load = model_io.load_external_data
    replaced = []

    def late(proto, folder):
        if not replaced:
            replaced.append(save_model(changed(), path, external_data=True))
        return load(proto, folder)

    monkeypatch.setattr(model_io, "load_external_data", late)
    assert load_model(path) == changed() and replaced


def test_a_model_that_is_replaced_all_the_time(tmp_path, monkeypatch):
    _, path = split(tmp_path)
    load, count = model_io.load_external_data, []

    def late(proto, folder):
        count.append(None)
        save_model(changed() if len(count) % 2 else small(), path, external_data=True)
        return load(proto, folder)

    monkeypatch.setattr(model_io, "load_external_data", late)
    with pytest.raises(ModelError, match="is replaced all the time"):
        read_model(path)


def test_what_protobuf_cannot_write():
    """Large tensors in attributes and inner graphs stay in the file, which may become too large for it."""

    def fail():
        raise ValueError("exceeds maximum protobuf size of 2GB: 3000000000")

    with pytest.raises(ModelError, match=r"cannot be written as one file .*2GB"):
        model_io._serialised(SimpleNamespace(SerializeToString=fail))


def test_weights_beside_a_pipe_are_not_looked_for(tmp_path):
    _, path = split(tmp_path)
    with path.open("rb") as file, pytest.raises(ModelError, match=r"/dev/fd/\d+: .*pass its path"):
        read_model(f"/dev/fd/{file.fileno()}")


def test_weights_of_another_model_are_no_output(tmp_path):
    """Not of the input, but of a model that is there too."""
    onnx.save(small(), tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    before = (tmp_path / "a.data").read_bytes()
    for external in (False, True):
        with pytest.raises(UsageError, match=r"a\.data: holds the weights of .*a\.onnx, wanted another file"):
            save_model(changed(), tmp_path / "a.data", external_data=external)
    assert (tmp_path / "a.data").read_bytes() == before
    (tmp_path / "a.onnx").unlink()
    save_model(changed(), tmp_path / "a.data")
