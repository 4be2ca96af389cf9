"""Streams are written through and stay what they are."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from spl_onnx.files import stream
from spl_onnx.files.output import resolve_output
from spl_onnx.files.stream import write_through


def test_a_device(tmp_path):
    before = Path(os.devnull).stat().st_mode
    write_through(resolve_output(os.devnull), b"content")
    assert Path(os.devnull).stat().st_mode == before


def test_a_device_that_is_full():
    with pytest.raises(OSError, match="No space left"):
        write_through(resolve_output("/dev/full"), b"content")


def test_a_pipe_larger_than_its_buffer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    content = bytes(range(256)) * 4096
    output = resolve_output(tmp_path / "pipe")
    writer = threading.Thread(target=write_through, args=(output, content), daemon=True)
    writer.start()
    assert (tmp_path / "pipe").read_bytes() == content
    writer.join(10)
    assert not writer.is_alive() and (tmp_path / "pipe").is_fifo()


def test_a_pipe_that_nobody_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "PATIENCE", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody has read from this pipe"):
        write_through(resolve_output(tmp_path / "pipe"), b"content")


def test_an_open_file_goes_on_where_it_is(tmp_path):
    with (tmp_path / "f").open("w") as file:
        file.write("before ")
        file.flush()
        write_through(resolve_output(f"/dev/fd/{file.fileno()}"), b"content")
        file.write(" after")
    assert (tmp_path / "f").read_text() == "before content after"


def test_a_pipe_that_became_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    output = resolve_output(tmp_path / "pipe")
    (tmp_path / "pipe").unlink()
    (tmp_path / "pipe").write_text("not yours")
    with pytest.raises(OSError, match="has become another file"):
        write_through(output, b"content")
    assert (tmp_path / "pipe").read_text() == "not yours"
