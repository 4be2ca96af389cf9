"""Text files are replaced whole; a pipe is written through."""

from __future__ import annotations

import os
import threading

import pytest

from spl_onnx.errors import UsageError
from spl_onnx.files.text import write_text


def test_an_old_file_stays_whole_until_the_new_one_is_complete(tmp_path, monkeypatch):
    target = tmp_path / "r.json"
    target.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(UsageError, match=r"--json .*: cannot be written \(No space left on device\)"):
            write_text(target, "new", "--json")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]
    write_text(target, "new", "--json")
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


def test_characters_that_are_none(tmp_path):
    """A name of a file that is no UTF-8 comes into a report."""
    write_text(tmp_path / "r.html", "caf\udce9 é", "--html")
    assert (tmp_path / "r.html").read_bytes() == "caf\\udce9 é".encode()


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=write_text, args=(tmp_path / "pipe", "content", "--json"), daemon=True)
    writer.start()
    assert (tmp_path / "pipe").read_text() == "content"
    writer.join(10)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["", ".", "no/such/r.json", "a\0b", "a\ud800", "x" * 256])
def test_names_that_cannot_be(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"--plan-out .*: cannot be written \(.+\): choose another path"):
        write_text(name, "", "--plan-out")
    assert list(tmp_path.iterdir()) == []
