"""A full disk: the writers of the tool pass, and one that leaves half a file does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.harden import full_disk
from scripts.harden.full_disk import attempt, faults, short_files
from scripts.harden.pairs import NAME, save


def test_files_that_may_not_grow_leave_the_old_model(tmp_path: Path) -> None:
    assert faults(12, 1, tmp_path, short_files) == []


def test_both_ends_occur(tmp_path: Path) -> None:
    save(tmp_path, 1.0)
    assert attempt(tmp_path, 1.0, 2.0, 1000, short_files) == (1.0, "")
    assert attempt(tmp_path, 1.0, 2.0, 1 << 20, short_files) == (2.0, "")


def test_a_writer_that_is_not_careful_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1.0)

    def careless(folder: Path, value: float) -> None:
        (folder / NAME).write_bytes(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(full_disk, "save", careless)
    value, problem = attempt(tmp_path, 1.0, 2.0, 1 << 20, short_files)
    assert value == 1.0 and "OSError" in problem
