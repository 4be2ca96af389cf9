"""What names of the file system stand for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from spl_onnx.files.kinds import checked_name, descriptor_of, kind_of


def test_kinds_in_words(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    names = {"pipe": "a pipe", "file": "a file", "socket": "a socket", ".": "a folder"}
    assert {name: kind_of((tmp_path / name).stat().st_mode) for name in names} == names
    assert kind_of(Path(os.devnull).stat().st_mode) == "a device"


@pytest.mark.parametrize("name", ["", "a\0b", "a\ud800"])
def test_names_that_no_file_can_have(name):
    with pytest.raises(OSError, match="the name"):
        checked_name(name)


def test_names_of_open_files(tmp_path):
    assert [descriptor_of(f"/dev/{name}") for name in ("stdin", "stdout", "stderr")] == [0, 1, 2]
    assert descriptor_of("/proc/self/fd/7") == descriptor_of("/dev/fd/7") == 7
    assert descriptor_of(f"/proc/{os.getpid()}/fd/3") == 3
    (tmp_path / "out").symlink_to("/dev/stdout")
    (tmp_path / "again").symlink_to("out")
    assert descriptor_of(str(tmp_path / "again")) == 1


def test_names_of_other_things(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "round").symlink_to("round")
    for name in ("1", "fd/1", "round", "none", "/dev/null", "/dev/fd/x", "/proc/1/fd/1"):
        assert descriptor_of(name) is None
