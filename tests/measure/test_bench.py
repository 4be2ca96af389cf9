"""Timing in turn, its numbers and its inputs."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data.inputs import InputSpec, input_specs
from spl_onnx.data.npz import NpzReader
from spl_onnx.errors import DataError, UsageError
from spl_onnx.measure import bench
from spl_onnx.measure.bench import Timing, data_batches, random_batch, speedup, time_interleaved
from spl_onnx.measure.sessions import create_session
from tests.small_models import small_cnn, small_images


def test_numbers():
    timing = Timing(np.arange(1.0, 12.0))
    assert timing.median == 6 and timing.spread == (2, 10)


def test_the_ratio_is_that_of_neighbours():
    """The machine slows down fourfold half way: pairs do not notice, medians would."""
    first = Timing(np.array([2.0, 2.0, 8.0, 8.0, 8.0]))
    second = Timing(np.array([1.0, 1.0, 4.0, 4.0, 4.0]))
    assert speedup(first, second) == 2


def test_models_take_turns_and_see_the_same_input(monkeypatch):
    calls = []
    monkeypatch.setattr(bench, "run", lambda session, feeds: calls.append((session, feeds)))
    told = []
    times = time_interleaved(["a", "b"], ["x", "y"], runs=3, warmup=1, progress=told.append)
    assert calls == [
        ("a", "y"),
        ("b", "y"),
        ("a", "x"),
        ("b", "x"),
        ("a", "y"),
        ("b", "y"),
        ("a", "x"),
        ("b", "x"),
    ]
    assert [len(timing.milliseconds) for timing in times] == [3, 3] and told == [1] * 4


def test_real_sessions_take_time():
    sessions = [create_session(small_cnn(), threads=1)]
    (timing,) = time_interleaved(sessions, [{"input": small_images(1)}], runs=4, warmup=0)
    assert (timing.milliseconds > 0).all()


def test_nothing_to_time():
    with pytest.raises(UsageError, match="got 0 and 1"):
        time_interleaved([], [], runs=0, warmup=1)


def test_random_input_is_seeded_and_typed():
    specs = [*input_specs(small_cnn()), InputSpec("n", np.dtype(np.int64), (None, 2))]
    feeds = random_batch(specs, {}, seed=3)
    assert feeds["input"].shape == (1, 3, 8, 8) and feeds["input"].dtype == np.float32
    assert feeds["n"].tolist() == [[0, 0]] and feeds["n"].dtype == np.int64
    np.testing.assert_array_equal(feeds["input"], random_batch(specs, {}, seed=3)["input"])
    assert (feeds["input"] != random_batch(specs, {}, seed=4)["input"]).any()


def test_free_dimensions_must_be_given():
    specs = input_specs(small_cnn(size="S"))
    with pytest.raises(UsageError, match=r"'input' has a free shape .*--input-shape input:1"):
        random_batch(specs, {})
    assert random_batch(specs, {"input": (2, 3, 6, 6)})["input"].shape == (2, 3, 6, 6)


def test_some_batches_are_kept(tmp_path):
    np.savez(tmp_path / "a.npz", x=small_images(20))
    reader = NpzReader([tmp_path / "a.npz"], input_specs(small_cnn()), 1)
    assert len(data_batches(reader)) == bench.KEPT_BATCHES
    with pytest.raises(DataError, match="empty"):
        while True:
            data_batches(reader)
