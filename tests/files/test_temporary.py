"""New files on their way to their name."""

from __future__ import annotations

import os
import stat

import pytest

from spl_onnx.files import temporary
from spl_onnx.files.locks import try_lock
from spl_onnx.files.temporary import NAMES, PATTERN, Temporary, is_at


def test_a_file_that_goes_nowhere_goes_away(tmp_path):
    with Temporary(tmp_path) as made:
        assert PATTERN.fullmatch(made.path.name) and made.is_at(made.path)
        assert len(made.path.name) < 40, "there is room for it where a name of 255 bytes was chosen"
    with pytest.raises(KeyboardInterrupt), Temporary(tmp_path, ending=NAMES):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_names_differ_and_do_not_come_from_the_process(tmp_path, monkeypatch):
    """A file of the name that was drawn first exists: of a process with the same number, say."""
    drawn = iter(["0" * 16, "0" * 16, "1" * 16])
    monkeypatch.setattr("secrets.token_hex", lambda size: next(drawn))
    with Temporary(tmp_path) as first, Temporary(tmp_path) as second:
        assert {first.path.name, second.path.name} == {f".spl-onnx-{n * 16}.tmp" for n in "01"}


def test_a_file_that_somebody_took_for_left_over_is_not_used(tmp_path, monkeypatch):
    """It was locked and removed before its writer could lock it."""
    calls = []

    def late(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            next(tmp_path.iterdir()).unlink()
        return try_lock(descriptor)

    monkeypatch.setattr(temporary, "try_lock", late)
    with Temporary(tmp_path) as made:
        assert len(calls) == 2 and made.path.exists()


def test_it_is_locked_while_its_writer_lives(tmp_path):
    with Temporary(tmp_path) as made:
        descriptor = os.open(made.path, os.O_RDWR)
        assert try_lock(descriptor) is False
    assert try_lock(descriptor) is True
    os.close(descriptor)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_new_files_have_the_mode_of_new_files(tmp_path, mask):
    before = os.umask(mask)
    try:
        with Temporary(tmp_path) as made:
            made.move_to(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_mode_and_owner_of_the_old_file_are_kept(tmp_path, mode):
    target = tmp_path / "old"
    target.touch()
    target.chmod(mode)
    if os.geteuid() == 0:
        os.chown(target, 1234, 5678)
    before = target.stat()
    with Temporary(tmp_path, before) as made:
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600, "nobody reads what is private later"
        made.file.write(b"new")
        made.move_to(target)
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert target.read_bytes() == b"new"


def test_owners_that_cannot_be_kept(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.fchown", refuse)
    target = tmp_path / "old"
    target.touch(0o640)
    with Temporary(tmp_path, target.stat()) as made:
        made.move_to(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_is_not_the_file(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    with (tmp_path / "file").open() as file:
        assert is_at(file.fileno(), tmp_path / "file")
        assert not is_at(file.fileno(), tmp_path / "link") and not is_at(file.fileno(), tmp_path / "none")
