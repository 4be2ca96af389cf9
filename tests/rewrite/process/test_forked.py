"""What ends a copy of the process leaves the process as it is."""

from __future__ import annotations

import os
import signal
import time

import pytest

from spl_onnx.rewrite.process import forked
from spl_onnx.rewrite.process.forked import survives


def fail():
    raise ValueError("an exception is an end as good as a result")


def test_survives():
    assert survives(lambda: None) and survives(fail)


def test_does_not_survive():
    assert not survives(os.abort)
    assert not survives(lambda: os.kill(os.getpid(), signal.SIGSEGV))


def test_does_not_come_to_an_end():
    assert not survives(lambda: time.sleep(60), seconds=0.05)


def test_nothing_remains(capfd):
    done = []
    assert survives(lambda: (done.append(1), os.write(1, b"out"), os.write(2, b"err")))
    assert done == [] and capfd.readouterr() == ("", "")


def test_memory_without_end_is_no_end():
    assert not survives(lambda: bytearray(1 << 40))
    assert survives(lambda: bytearray(1 << 20))


def test_where_no_copy_can_be_made_nothing_is_tried(monkeypatch):
    def refuse():
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(os, "fork", refuse)
    assert survives(os.abort)


def test_an_interrupt_ends_the_copy(monkeypatch):
    copies = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: copies.append(fork()) or copies[-1])

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(forked.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        survives(lambda: os.read(os.pipe()[0], 1))
    with pytest.raises(ProcessLookupError):
        os.kill(copies[0], 0)
