"""Names of data files hold the hash of their content."""

from __future__ import annotations

import hashlib
import io
import re

import pytest

from spl_onnx.files.data_names import HashedFile, data_names, free_name, is_data_name, unused

DIGEST = "0123456789abcdef"


def held(tmp_path, content):
    """An open file with this content."""
    file = (tmp_path / ".content").open("w+b")
    file.write(content)
    return file


def test_what_is_written_is_hashed():
    file = io.BytesIO()
    hashed = HashedFile(file)
    for part in (b"weights", b"", bytes(10)):
        hashed.write(part)
    assert file.getvalue() == b"weights" + bytes(10) and hashed.position == 17
    assert hashed.digest == hashlib.blake2b(file.getvalue(), digest_size=8).hexdigest()


def test_the_same_content_shares_a_name(tmp_path):
    target = tmp_path / "m.onnx"
    with held(tmp_path, b"content") as content:
        name = free_name(target, DIGEST, content)
        assert name == f"m.onnx.{DIGEST}.data"
        (tmp_path / name).write_bytes(b"content")
        assert free_name(target, DIGEST, content) == name


@pytest.mark.parametrize("kind", ["other content", "longer", "link", "folder"])
def test_a_name_that_something_else_has_is_left_to_it(tmp_path, kind):
    target, first = tmp_path / "m.onnx", tmp_path / f"m.onnx.{DIGEST}.data"
    if kind == "link":
        (tmp_path / "same").write_bytes(b"content")
        first.symlink_to("same")
    elif kind == "folder":
        first.mkdir()
    else:
        first.write_bytes({"other content": b"CONTENT", "longer": b"content."}[kind])
    with held(tmp_path, b"content") as content:
        assert free_name(target, DIGEST, content) == f"m.onnx.{DIGEST}.2.data"
        (tmp_path / f"m.onnx.{DIGEST}.2.data").write_bytes(b"")
        assert free_name(target, DIGEST, content) == f"m.onnx.{DIGEST}.3.data"


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "a" + "é" * 127, "x.onnx", "\udce9.onnx"])
def test_names_fit_and_are_text(tmp_path, name):
    with held(tmp_path, b"") as content:
        made = free_name(tmp_path / name, DIGEST, content)
    assert len(made.encode("utf-8")) <= 255 and made.endswith(f".{DIGEST}.data")
    (tmp_path / made).touch()


def test_names_are_safe_for_all_readers(tmp_path):
    with held(tmp_path, b"") as content:
        made = free_name(tmp_path / "C:a\\b\n.onnx", DIGEST, content)
    assert made == f"C_a_b_.onnx.{DIGEST}.data"


def test_names_of_data_files():
    good = (f"m.{DIGEST}.data", f"m.onnx.{DIGEST}.2.data", f".{DIGEST}.data")
    bad = ("m.onnx.data", f"m.{DIGEST[1:]}.data", f"m.{DIGEST}.data\n", f"m.{DIGEST}.data.txt", "m.2.data")
    assert all(map(is_data_name, good)) and not any(map(is_data_name, bad))


def test_data_that_a_file_refers_to(tmp_path):
    mine, foreign = f"m.onnx.{DIGEST}.data", f"n.onnx.{DIGEST}.data"
    for name in (mine, foreign, "m.onnx.data"):
        (tmp_path / name).touch()
    (tmp_path / "m.onnx").write_bytes(b"\x08" + f"{mine} {foreign} m.onnx.data".encode())
    assert data_names(tmp_path / "m.onnx") == {mine}
    assert data_names(tmp_path / "none.onnx") == set()


def test_data_that_a_copy_of_the_model_needs(tmp_path):
    names = {f"m.onnx.{number}{DIGEST[1:]}.data" for number in range(4)}
    first, second, third, fourth = sorted(names)
    (tmp_path / "copy.onnx").write_text(f"anything {first}")
    (tmp_path / "backup").write_bytes(b"\x08\x07" + bytes((1 << 24) - 20) + second.encode() + b"more")
    (tmp_path / "notes.txt").write_text(f"remember to remove {third}")
    (tmp_path / f".spl-onnx-{DIGEST}.tmp").write_bytes(b"\x08" + fourth.encode())
    assert unused(tmp_path, names) == {third, fourth}
    assert unused(tmp_path / "none", set()) == set()
    assert re.fullmatch(r"m\.onnx\.1.*", second), "it crosses the border of two pieces that are read"
