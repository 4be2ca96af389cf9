"""Files are replaced whole: with readers, other writers, kills and full disks at any moment."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from spl_onnx.files import locks, replace
from spl_onnx.files.output import resolve_output
from spl_onnx.files.replace import write_file, write_pair
from tests.files.writers import killed_at, names, save, value_of


@pytest.fixture
def memory(tmp_path):
    """A folder in memory, where waiting for the disk takes no time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_file_and_its_data(tmp_path):
    head, data = save(tmp_path / "f", 1)
    assert head == tmp_path / "f" and names(tmp_path) == {"f", data.name} and value_of(head) == 1
    again = save(tmp_path / "f", 1)[1]
    assert again == data, "the same content has the same name"
    other = save(tmp_path / "f", 2)[1]
    assert other != data and names(tmp_path) == {"f", other.name} and value_of(head) == 2
    assert save(tmp_path / "f", 3, pair=False) == (head,)
    assert names(tmp_path) == {"f"} and value_of(head) == 3


def test_data_that_another_file_uses_stays(tmp_path):
    """A copy of a model still refers to the weights of the first."""
    data = save(tmp_path / "f.onnx", 1)[1]
    (tmp_path / "copy.onnx").write_bytes((tmp_path / "f.onnx").read_bytes())
    save(tmp_path / "f.onnx", 2)
    assert data.exists() and value_of(tmp_path / "copy.onnx") == 1 and value_of(tmp_path / "f.onnx") == 2
    save(tmp_path / "f.onnx", 1)
    assert value_of(tmp_path / "f.onnx") == value_of(tmp_path / "copy.onnx") == 1


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real").write_text("old")
    save(tmp_path / "link", 1)
    assert (tmp_path / "link").is_symlink() and value_of(tmp_path / "link") == value_of(
        tmp_path / "real"
    ) == 1


def test_data_would_not_be_found_behind_a_link_into_another_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/real")
    save(tmp_path / "link", 1, pair=False)
    assert value_of(tmp_path / "folder" / "real") == 1
    with pytest.raises(OSError, match="link into another folder"):
        save(tmp_path / "link", 2)
    assert value_of(tmp_path / "link") == 1


def test_other_names_of_the_file_keep_the_old_content(tmp_path):
    save(tmp_path / "f", 1, pair=False)
    (tmp_path / "backup").hardlink_to(tmp_path / "f")
    save(tmp_path / "f", 2, pair=False)
    assert value_of(tmp_path / "backup") == 1 and value_of(tmp_path / "f") == 2


def test_streams_have_no_data_file():
    with pytest.raises(OSError, match="weights cannot be beside it"):
        write_pair(resolve_output(os.devnull), lambda data: None, lambda name: b"")
    assert write_file(resolve_output(os.devnull), b"content") == ()


@pytest.mark.parametrize("pair", [False, True])
def test_a_pipe_that_came_meanwhile_is_not_replaced(tmp_path, pair):
    output = resolve_output(tmp_path / "f")
    os.mkfifo(tmp_path / "f")
    with pytest.raises(OSError, match="has become a pipe"):
        if pair:
            write_pair(output, lambda data: data.write(b"x"), lambda name: name.encode())
        else:
            write_file(output, b"content")
    assert (tmp_path / "f").is_fifo() and names(tmp_path) == {"f"}


@pytest.mark.parametrize("length", [245, 255])
def test_names_as_long_as_can_be(tmp_path, length):
    path = tmp_path / ("a" * length)
    for value in (1, 2):
        save(path, value)
        assert value_of(path) == value and len(names(tmp_path)) == 2


@pytest.mark.parametrize(
    ("old", "pair"),
    [("none", True), ("file", False), ("file", True), ("pair", False), ("pair", True), ("same", True)],
)
def test_killed_at_every_step(memory, pair, old):
    """The old or the new content is there, whole; and the next run leaves nothing but its own files."""
    step, reached = 0, True
    while reached:
        folder = memory / str(step)
        folder.mkdir()
        path = folder / "f"
        if old != "none":
            save(path, 2 if old == "same" else 1, pair=old != "file")
        reached = killed_at(step, lambda path=path: save(path, 2, pair=pair))
        if old != "none" or path.exists():
            assert value_of(path) in (1, 2)
        if not reached:
            assert value_of(path) == 2 and len(names(folder)) == 1 + pair
        files = save(path, 3)
        assert value_of(path) == 3 and names(folder) == {file.name for file in files}
        step += 1
    assert step > (12 if pair else 6), "steps were counted"


def test_killed_twice(memory):
    """What the first left is not lost sight of by the second."""
    for first in range(0, 30, 5):
        for second in range(1, 30, 6):
            path = memory / "f"
            save(path, 1)
            killed_at(first, lambda path=path: save(path, 2))
            killed_at(second, lambda path=path: save(path, 3))
            assert value_of(path) in (1, 2, 3)
            files = save(path, 4)
            assert names(memory) == {file.name for file in files}


def test_threads_of_one_name(memory):
    failed = []

    def work(first):
        try:
            for value in range(first, first + 20):
                save(memory / "f", value)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and value_of(memory / "f") % 100 == 19 and len(names(memory)) == 2


def test_a_writer_that_stands_still_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    save(tmp_path / "f", 1)
    with locks.locked_folder(tmp_path), pytest.raises(OSError, match="another program has locked"):
        save(tmp_path / "f", 2)
    assert value_of(tmp_path / "f") == 1 and len(names(tmp_path)) == 2


def test_without_locks_nothing_is_removed(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    first = save(tmp_path / "f", 1)[1]
    (tmp_path / ".spl-onnx-0123456789abcdef.tmp").touch()
    monkeypatch.setattr("fcntl.flock", refuse)
    second = save(tmp_path / "f", 2)[1]
    assert value_of(tmp_path / "f") == 2
    assert names(tmp_path) == {"f", first.name, second.name, ".spl-onnx-0123456789abcdef.tmp"}


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize(("owner", "call"), [(os, "fsync"), (Path, "replace")])
@pytest.mark.parametrize("kind", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_a_failure_at_every_step(memory, monkeypatch, pair, owner, call, kind):
    """The old files are whole, or the new ones are in place; no other file is there."""
    path, function, number = memory / "f", getattr(owner, call), 0
    while True:
        save(path, 1)
        left = [number]

        def failing(*args, left=left, **kwargs):
            left[0] -= 1
            if left[0] == -1:
                raise kind
            return function(*args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(owner, call, failing)
            try:
                save(path, 2, pair=pair)
                break
            except BaseException as error:
                assert error is kind
        value = value_of(path)
        assert value == 1 or (value == 2 and call == "fsync"), "the folder could not be synced afterwards"
        if value == 1:
            assert len(names(memory)) == 2
        number += 1
    assert number >= 1 + pair and value_of(path) == 2 and len(names(memory)) == 1 + pair


def test_interrupted_while_the_old_files_are_removed(tmp_path, monkeypatch):
    """The new files are in place; the next run finishes."""

    def interrupt(folder, names):
        raise KeyboardInterrupt

    save(tmp_path / "f", 1)
    with monkeypatch.context() as patched:
        patched.setattr(replace, "remove_unused", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path / "f", 2)
    assert value_of(tmp_path / "f") == 2 and len(names(tmp_path)) == 4
    save(tmp_path / "other", 3, pair=False)
    assert value_of(tmp_path / "f") == 2 and len(names(tmp_path)) == 3


@contextmanager
def largest_file(size):
    """No file of this process can become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_limit_of_the_user(tmp_path):
    save(tmp_path / "f", 1)
    before = names(tmp_path)
    with largest_file(1000), pytest.raises(OSError, match="File too large"):
        save(tmp_path / "f", 2)
    assert value_of(tmp_path / "f") == 1 and names(tmp_path) == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted: {made.stderr.splitlines()[0]}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk):
    """Another 40 kB do not fit."""
    save(small_disk / "f", 1)
    before = names(small_disk)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            save(small_disk / "f", 2)
        assert value_of(small_disk / "f") == 1 and names(small_disk) == before
