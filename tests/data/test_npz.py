""".npz files, read in pieces."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest

from spl_onnx.data.inputs import InputSpec
from spl_onnx.data.npz import NpzReader
from spl_onnx.errors import DataError
from tests.data.specs import IMAGE_SPEC

X = np.random.default_rng(0).standard_normal((7, 3, 8, 8)).astype(np.float32)
Y = np.arange(7)


def read(files, specs=(IMAGE_SPEC,), batch=3, limit=None):
    reader = NpzReader(list(files), list(specs), batch, limit)
    feeds, labels = [], []
    while (item := reader.get_next()) is not None:
        feeds.append(item)
        labels.append(reader.last_labels)
    return reader, feeds, labels


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ["x", "input"])
def test_pieces_are_the_whole(tmp_path, save, name):
    save(tmp_path / "a.npz", **{name: X, "y": Y})
    reader, feeds, labels = read([tmp_path / "a.npz"])
    assert len(reader) == 7 and [len(f["input"]) for f in feeds] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([f["input"] for f in feeds]), X)
    np.testing.assert_array_equal(np.concatenate(labels), Y)


def test_labels_are_optional(tmp_path):
    np.savez(tmp_path / "a.npz", x=X)
    assert read([tmp_path / "a.npz"])[2] == [None, None, None]


def test_limit_and_several_files_of_different_size(tmp_path):
    spec = InputSpec("input", np.dtype(np.float32), (None, 3, None, None))
    np.savez(tmp_path / "a.npz", x=X)
    np.savez(tmp_path / "b.npz", x=X[:, :, :4])
    files = [tmp_path / "a.npz", tmp_path / "b.npz"]
    reader, feeds, _ = read(files, [spec], batch=4, limit=9)
    assert len(reader) == 9 and [f["input"].shape[0] for f in feeds] == [4, 3, 2]
    assert feeds[2]["input"].shape == (2, 3, 4, 8)
    assert len(read(files, [spec])[0]) == 14


def test_a_limit_inside_the_first_file_leaves_the_second_alone(tmp_path):
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=X)
    _, feeds, _ = read([tmp_path / "a.npz", tmp_path / "b.npz"], limit=2)
    assert [len(f["input"]) for f in feeds] == [2]


def test_several_inputs_and_an_input_named_y(tmp_path):
    specs = [InputSpec(n, np.dtype(t), (None, 2)) for n, t in (("a", np.float32), ("y", np.int64))]
    np.savez(tmp_path / "a.npz", a=np.zeros((4, 2), np.float32), y=np.ones((4, 2), np.int64))
    _, feeds, labels = read([tmp_path / "a.npz"], specs)
    assert set(feeds[0]) == {"a", "y"} and labels == [None, None]


def test_only_a_batch_is_in_memory(tmp_path):
    """A file of 64 MB is read without ever holding more than a small part of it."""
    import tracemalloc

    big = np.zeros((4096, 4096), np.float32)
    np.savez_compressed(tmp_path / "a.npz", x=big)
    del big
    tracemalloc.start()
    reader = NpzReader([tmp_path / "a.npz"], [InputSpec("v", np.dtype(np.float32), (None, 4096))], 16)
    while reader.get_next() is not None:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": X}, r"got arrays 'images', wanted 'input' or 'x', and optionally 'y'"),
        ({"x": X, "extra": X}, "got arrays 'extra', 'x'"),
        ({"x": X.astype(np.float64)}, r"array 'input'|array 'x': got float64"),
        ({"x": X[:, :, :7]}, r"got float32 \[7, 3, 7, 8\], wanted float32 \[\?, 3, 8, 8\]"),
        ({"x": X[:0]}, "got no samples"),
        ({"x": X, "y": Y[:5]}, r"differ in their number of samples \('input' 7, 'y' 5\)"),
        ({"x": np.asfortranarray(X)}, "columns first"),
        ({"x": np.array(["a", None], object)}, "Python objects"),
    ],
)
def test_bad_files(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read([tmp_path / "a.npz"])


def test_broken_and_missing_files(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match=r"cannot be read as \.npz"):
        read([tmp_path / "a.npz"])
    with pytest.raises(DataError, match="not found"):
        read([tmp_path / "b.npz"])


def archive(path, header, data, method=zipfile.ZIP_DEFLATED):
    """A file with one array `x` whose header is a text of ours."""
    text = header.encode("latin-1")
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data)
    return path


def header(shape, descr="'<f4'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        (header("(99999999999, 3, 8, 8)"), X.tobytes(), "its header says float32"),
        (header("(7, 3, 8, 9)"), X.tobytes(), "which are 6048"),
        (header("(6, 3, 8, 8)"), X.tobytes(), "the file is damaged"),
        (header("(-7, -3, 8, 8)"), X.tobytes(), "the file is damaged"),
        (header("(4611686018427387904, 4, 0, 8)"), b"", "wanted samples with values"),
        (header("(7, 3, 8, 8)", "'V0'"), b"", "wanted samples with values"),
        (header("(7, 3, 8, 8)", "'|O'"), X.tobytes(), "Python objects"),
        (header("7"), X.tobytes(), "cannot be read as .npz"),
        (header("(7.5,)"), X.tobytes(), "cannot be read as .npz"),
        (header("(1, 3, 8, 8)", "nothing"), X[:1].tobytes(), "cannot be read as .npz"),
        ("(" * 3000 + ")" * 3000, b"", "cannot be read as .npz"),
        ("", b"", "cannot be read as .npz"),
    ],
)
def test_headers_that_lie(tmp_path, text, data, message):
    with pytest.raises(DataError, match=message):
        read([archive(tmp_path / "a.npz", text, data)])


def test_a_bomb_takes_no_memory(tmp_path):
    """A header that tells the truth of 40 MB of zeros, which are 40 kB in the file, in batches of 8."""
    rows = 40_000_000 // (3 * 8 * 8 * 4)
    shape = f"({rows}, 3, 8, 8)"
    file = archive(tmp_path / "a.npz", header(shape), bytes(rows * 3 * 8 * 8 * 4))
    assert file.stat().st_size < 100_000
    reader = NpzReader([file], [IMAGE_SPEC], 8, 16)
    assert len(reader.get_next()["input"]) == 8


def test_rows_too_large_for_one_batch(tmp_path, monkeypatch):
    monkeypatch.setattr("spl_onnx.data.npz._MOST_BYTES", 2 * X[0].nbytes)
    np.savez(tmp_path / "a.npz", x=X)
    assert len(read([tmp_path / "a.npz"], batch=2)[1]) == 4
    with pytest.raises(DataError, match="wanted a smaller --batch"):
        read([tmp_path / "a.npz"], batch=3)


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9])
def test_damage_behind_the_header(tmp_path, place):
    """Of compressed data: an error of the archive or of its compression, whichever sees it."""
    np.savez_compressed(tmp_path / "a.npz", x=X)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz"):
        read([tmp_path / "a.npz"])
