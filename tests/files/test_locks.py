"""Locks hold between threads and processes, and end with their holder."""

from __future__ import annotations

import os

import pytest

from spl_onnx.files import locks
from spl_onnx.files.locks import locked_folder, sync_folder, try_lock


def test_one_holder_at_a_time(tmp_path):
    with (tmp_path / "f").open("w") as first, (tmp_path / "f").open() as second:
        assert try_lock(first.fileno()) is True
        assert try_lock(second.fileno()) is False, "another open file of the same process is another holder"
        first.close()
        assert try_lock(second.fileno()) is True


def test_a_dead_process_holds_nothing(tmp_path):
    with (tmp_path / "f").open("w") as mine:
        child = os.fork()
        if child == 0:
            descriptor = os.open(tmp_path / "f", os.O_RDWR)
            os._exit(0 if try_lock(descriptor) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert try_lock(mine.fileno()) is True


def test_a_folder_is_waited_for_and_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.02)
    with (
        locked_folder(tmp_path) as alone,
        pytest.raises(OSError, match="another program has locked"),
        locked_folder(tmp_path),
    ):
        pass
    assert alone is True
    with locked_folder(tmp_path) as again:
        assert again is True


@pytest.mark.parametrize("call", ["os.open", "fcntl.flock"])
def test_without_locks_nothing_is_certain(tmp_path, monkeypatch, call):
    def refuse(*args, **kwargs):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(call, refuse)
    with locked_folder(tmp_path) as alone:
        assert alone is False


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    sync_folder(tmp_path)
    for number, raises in ((5, True), (22, False)):

        def fail(descriptor, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("os.fsync", fail)
        if raises:
            with pytest.raises(OSError, match="Input/output"):
                sync_folder(tmp_path)
        else:
            sync_folder(tmp_path)
