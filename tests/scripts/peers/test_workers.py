"""Engines in processes of their own: requests, answers, and every way to fail."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from scripts.peers.engines import Setup
from scripts.peers.workers import EngineError, Worker
from tests.scripts.peers.fakes import DIES, ECHO, REFUSES, SLOW, SLOW_MS, one_hot


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return one_hot(tmp_path, [0, 1, 2, 3, 0])


def test_outputs_are_those_of_the_images_in_whole_batches(images: Path) -> None:
    """What a library prints does not get among the answers."""
    with Worker(images, {}) as worker:
        worker.open(Setup(ECHO, "x.onnx", batch=2))
        np.testing.assert_array_equal(worker.outputs(5).argmax(1), [0, 1, 2, 3])


def test_runs_are_timed_one_by_one(images: Path) -> None:
    with Worker(images, {}) as worker:
        worker.open(Setup(SLOW, "x.onnx"))
        times = worker.times(first=3, runs=4, warmup=1)  # past the last image, where they begin again
    assert len(times) == 4 and min(times) >= SLOW_MS


def test_an_engine_gets_its_setup_and_environment(images: Path) -> None:
    with Worker(images, {"FAKE": "limited"}) as worker:
        opened = worker.open(Setup(ECHO, "x.onnx", precision="bf16"))
    assert opened.says == {"precision": "bf16", "variable": "limited"}
    assert opened.seconds >= 0


def test_a_model_that_is_refused_is_told_in_one_line(images: Path) -> None:
    with Worker(images, {}) as worker:
        with pytest.raises(EngineError, match=r"^ValueError: no such model: x\.onnx$"):
            worker.open(Setup(REFUSES, "x.onnx"))
        worker.open(Setup(ECHO, "x.onnx"))  # the process goes on


def test_a_run_without_a_model(images: Path) -> None:
    with Worker(images, {}) as worker, pytest.raises(EngineError, match="nothing is open"):
        worker.times(0, 1, 0)


def test_a_process_that_dies_says_why(images: Path) -> None:
    with Worker(images, {}) as worker:
        worker.open(Setup(DIES, "x.onnx"))
        for _ in range(2):  # also when it is asked again
            with pytest.raises(EngineError, match="its process ended with 7: fake: out of luck"):
                worker.times(0, 1, 0)


def test_memory_is_that_of_the_process_alone(images: Path) -> None:
    """What the parent holds when it starts an engine is not the engine's."""
    ballast = np.ones(1 << 26)  # 512 MB
    with Worker(images, {}) as worker:
        opened = worker.open(Setup(ECHO, "x.onnx"))
        peak = worker.peak_mb()
    assert 0 < opened.before_mb <= peak < ballast.nbytes / 2**20


def test_a_closed_process_is_gone(images: Path) -> None:
    worker = Worker(images, {})
    worker.close()
    with pytest.raises((EngineError, ValueError)):
        worker.times(0, 1, 0)


def test_an_error_ends_a_process_that_hangs(images: Path) -> None:
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Worker(images, {}) as worker:
        worker._process.send_signal(signal.SIGSTOP)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 30
