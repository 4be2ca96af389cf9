"""Timing in turn, its numbers and its inputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.data.inputs import InputSpec, input_specs
from spl_onnx.data.npz import NpzReader
from spl_onnx.errors import DataError, ModelError, UsageError
from spl_onnx.measure import bench
from spl_onnx.measure.bench import (
    Timing,
    accepted_batch,
    data_batches,
    random_batch,
    speedup,
    time_interleaved,
)
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


@pytest.mark.parametrize(("runs", "warmup"), [(0, 0), (1, -1), (1 << 40, 0), (1, 1 << 40)])
def test_runs_without_sense(runs, warmup):
    with pytest.raises(UsageError, match="--runs and --warmup: got"):
        time_interleaved([], [], runs, warmup)


def test_a_seed_below_zero():
    with pytest.raises(UsageError, match="--seed: got -1"):
        random_batch([InputSpec("x", np.dtype(np.float32), (1, 2))], {}, seed=-1)


def test_free_dimensions_must_be_given():
    specs = input_specs(small_cnn(size="S"))
    with pytest.raises(UsageError, match=r"'input' has a free shape .*--input-shape input:1"):
        random_batch(specs, {})
    assert random_batch(specs, {"input": (2, 3, 6, 6)})["input"].shape == (2, 3, 6, 6)


def test_free_sizes_are_made_up_where_the_model_takes_them():
    model = small_cnn(size="S")
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = -1
    specs, session = input_specs(model), create_session(model)
    assert accepted_batch(session, specs, {})["input"].shape == (1, 3, 64, 64)
    assert accepted_batch(session, specs, {"input": (2, 3, 6, 6)})["input"].shape == (2, 3, 6, 6)


def test_an_input_that_no_model_takes(monkeypatch):
    monkeypatch.setattr(bench, "FREE_SIZES", (1, 2))
    model = small_cnn(size="S")
    model.graph.node[3].attribute.append(onnx.helper.make_attribute("kernel_shape", [3, 3]))
    model.graph.node[3].attribute[0].ints[:] = [0, 0, 0, 0]
    with pytest.raises(ModelError, match=r"tried .*\(1, 3, 1, 1\).*\(1, 3, 2, 2\).*--input-shape"):
        accepted_batch(create_session(model), input_specs(model), {})


@pytest.mark.parametrize("sizes", [[1, 3, 1 << 40, 8], [1 << 62, 1 << 62]])
def test_sizes_without_end_are_not_made_up(sizes):
    with pytest.raises(UsageError, match="too many values to make up"):
        random_batch([InputSpec("x", np.dtype(np.float32), tuple(sizes))], {})


def test_what_is_no_tensor_cannot_be_made_up():
    with pytest.raises(UsageError, match="'s' is a sequence"):
        random_batch([InputSpec("s", None, None, "a sequence")], {})


def test_some_batches_are_kept(tmp_path):
    np.savez(tmp_path / "a.npz", x=small_images(20))
    reader = NpzReader([tmp_path / "a.npz"], input_specs(small_cnn()), 1)
    assert len(data_batches(reader)) == bench.KEPT_BATCHES
    with pytest.raises(DataError, match="empty"):
        while True:
            data_batches(reader)
