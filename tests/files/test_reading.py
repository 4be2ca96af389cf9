"""Only plain files are read, and nothing blocks."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from spl_onnx.files.reading import open_inside, open_plain, read_file


def test_a_plain_file(tmp_path):
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / "link").symlink_to("f")
    assert read_file(tmp_path / "f", 7) == read_file(tmp_path / "link", 7) == b"content"
    with pytest.raises(OSError, match="holds more than 6 bytes"):
        read_file(tmp_path / "f", 6)


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_what_is_no_plain_file(tmp_path, kind):
    """A pipe without a writer would block for ever."""
    os.mkfifo(tmp_path / "pipe")
    path = {"a pipe": tmp_path / "pipe", "a folder": tmp_path, "a device": "/dev/zero"}[kind]
    with pytest.raises(OSError, match=f"is {kind}, wanted a plain file"):
        read_file(path, 1 << 20)


def test_a_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="No such device"):
            open_plain(tmp_path / "socket")


def test_a_huge_file_takes_no_memory(tmp_path):
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(OSError, match="holds more than"):
        read_file(tmp_path / "hole", 1 << 31)


def test_what_is_open_already(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"through a pipe")
    os.close(writer)
    try:
        assert read_file(f"/dev/fd/{reader}", 100) == b"through a pipe"
    finally:
        os.close(reader)
    (tmp_path / "f").write_bytes(bytes(10))
    with (tmp_path / "f").open("rb") as file, pytest.raises(OSError, match="holds more than 9 bytes"):
        read_file(f"/dev/fd/{file.fileno()}", 9)
    with (
        Path(os.devnull).open() as file,
        pytest.raises(OSError, match="is a device, wanted a file or a pipe"),
    ):
        read_file(f"/dev/fd/{file.fileno()}", 9)


def test_inside_a_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "f").write_bytes(b"deep")
    (tmp_path / "a" / "link").symlink_to("b/f")
    (tmp_path / "around").symlink_to("a")
    with open_inside(tmp_path, ["a", "b", "f"]) as file:
        assert file.read() == b"deep"
    for parts in (["a", "link"], ["around", "b", "f"]):
        with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
            open_inside(tmp_path, parts)
    with pytest.raises(OSError, match="is a folder"):
        open_inside(tmp_path, ["a", "b"])
    assert len(list(Path("/proc/self/fd").iterdir())) < 50, "nothing stays open"
