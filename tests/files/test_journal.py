"""Journals are plain files that several may write to."""

from __future__ import annotations

import os
import threading

import pytest

from spl_onnx.files.journal import locked_journal


def test_lines_are_appended(tmp_path):
    for line in (b"one\n", b"two\n"):
        with locked_journal(tmp_path / "j") as file:
            file.write(line)
    with locked_journal(tmp_path / "j") as file:
        assert file.read() == b"one\ntwo\n"


def test_one_writer_at_a_time(tmp_path):
    order = []

    def second():
        with locked_journal(tmp_path / "j") as file:
            order.append(file.read())

    with locked_journal(tmp_path / "j") as file:
        other = threading.Thread(target=second, daemon=True)
        other.start()
        other.join(0.05)
        assert other.is_alive(), "it waits"
        file.write(b"line\n")
    other.join(10)
    assert order == [b"line\n"]


def test_what_is_no_plain_file(tmp_path):
    """Opening a pipe without a reader would block for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        with pytest.raises(OSError, match=r"is a (pipe|device), wanted a plain file"), locked_journal(path):
            pass


def test_a_journal_that_went_away_is_not_begun_anew(tmp_path):
    with pytest.raises(FileNotFoundError), locked_journal(tmp_path / "j", create=False):
        pass
    assert list(tmp_path.iterdir()) == []
