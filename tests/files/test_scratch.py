"""Folders of one run."""

from __future__ import annotations

import os
import signal
import time

import pytest

from spl_onnx.files.output import resolve_output
from spl_onnx.files.replace import write_file
from spl_onnx.files.scratch import ScratchFolder


@pytest.fixture
def parent(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def aged(path):
    """The folder, as if nobody had changed it for an hour."""
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def killed(parent):
    """The folder of a run that was killed."""
    before = set(parent.iterdir())
    child = os.fork()
    if child == 0:
        with ScratchFolder() as folder:
            (folder / "model.onnx").write_bytes(bytes(1000))
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = set(parent.iterdir()) - before
    return left


def test_a_folder_goes_afterwards(parent):
    with pytest.raises(KeyboardInterrupt), ScratchFolder() as folder:
        (folder / "model.onnx").touch()
        raise KeyboardInterrupt
    assert list(parent.iterdir()) == []


def test_a_folder_of_a_killed_run_goes_with_the_next(parent):
    left = aged(killed(parent))
    with ScratchFolder() as folder:
        assert list(parent.iterdir()) == [folder] and not left.exists()


def test_what_may_be_in_use_stays(parent):
    """A folder of a living run, one that was made just now, and whatever else is there."""
    young = killed(parent)
    for name in ("spl-onnx-1", "other"):
        (parent / name).mkdir()
        aged(parent / name)
    (parent / "spl-onnx-scratch-link").symlink_to("other")
    (parent / "spl-onnx-scratch-file").touch()
    with ScratchFolder() as living:
        aged(living)
        with ScratchFolder():
            assert living.exists() and young.exists()
    names = {"spl-onnx-1", "other", "spl-onnx-scratch-link", "spl-onnx-scratch-file", young.name}
    assert {path.name for path in parent.iterdir()} == names


def test_a_folder_of_another_user_stays(parent, monkeypatch):
    left = aged(killed(parent))
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    with ScratchFolder():
        assert left.exists()


def test_models_are_written_into_it(parent):
    """That takes a lock of the folder itself."""
    with ScratchFolder() as folder:
        write_file(resolve_output(folder / "model.onnx"), b"content")
        assert (folder / "model.onnx").read_bytes() == b"content"
    assert list(parent.iterdir()) == []


def test_a_folder_that_never_got_its_lock(parent):
    (parent / "spl-onnx-scratch-0").mkdir()
    aged(parent / "spl-onnx-scratch-0")
    with ScratchFolder() as folder:
        assert list(parent.iterdir()) == [folder]
