"""When a difference counts."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import UsageError
from spl_onnx.measure.bench import Timing
from spl_onnx.search.time.stopwatch import LEAST_GAIN, SessionStopwatch, gain
from tests.small_models import small_cnn, small_images


def timing(values):
    return Timing(np.asarray(values, np.float64))


@pytest.mark.parametrize(
    ("second", "real"), [(1.0, False), (1 - LEAST_GAIN / 2, False), (0.98, True), (1.1, False)]
)
def test_without_noise_the_least_gain_decides(second, real):
    verdict = gain(timing([1.0] * 8), timing([second] * 8))
    assert verdict.noise == LEAST_GAIN and verdict.is_real is real
    assert verdict.ratio == pytest.approx(1 / second)


def test_noise_hides_small_gains():
    """3 % quicker; 30 % scatter of single runs is an error of about 10 % of a median of 16."""
    scatter = np.random.default_rng(0).normal(1.0, 0.3, 16)
    verdict = gain(timing(scatter * 1.03), timing(np.ones(16)))
    assert verdict.noise > 0.05 and not verdict.is_real
    assert gain(timing(scatter * 2), timing(np.ones(16))).is_real


def test_one_disturbed_run_does_not_matter():
    disturbed = [1.0] * 15 + [50.0]
    assert gain(timing(disturbed), timing([0.9] * 16)).ratio == pytest.approx(1 / 0.9)
    assert not gain(timing(disturbed), timing([1.0] * 16)).is_real


def test_sessions_are_timed_and_profiled():
    watch = SessionStopwatch([{"input": small_images(1)}] * 2, 1)
    opened = watch.open(small_cnn())
    first, second = watch.times([opened, opened], 5)
    assert len(first.milliseconds) == len(second.milliseconds) == 5 and first.median > 0
    told = []
    (runs,) = watch.profiles([small_cnn()], told.append)
    assert len(runs) == 2 and len(told) == 3 and {"Conv"} <= {event.op_type for event in runs[0]}


def test_the_provider_reaches_the_sessions():
    watch = SessionStopwatch([{"input": small_images(1)}], 1, "tpu")
    for use in (watch.open, lambda model: watch.profiles([model])):
        with pytest.raises(UsageError, match="--provider: got 'tpu'"):
            use(small_cnn())
