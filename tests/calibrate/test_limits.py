"""Ways to limit a predictor."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.calibrate.limits import AllSelected, OneThreshold, ThresholdPerChannel, short_list
from spl_onnx.calibrate.outcomes import Outcomes
from spl_onnx.predictors.site_settings import NOTHING_SET

NOISE = 0.3


def seen(noise: float = 0.0, count: int = 2000, channels: int = 6, seed: int = 0) -> Outcomes:
    """Windows of one place whose scores are off by normal noise; ReLU, channels of different size."""
    rng = np.random.default_rng(seed)
    size = np.linspace(0.2, 2, channels)
    exact = (rng.standard_normal((count, channels)) - 0.3) * size
    score = (exact + noise * size * rng.standard_normal(exact.shape)).astype(np.float32)
    value = np.maximum(exact, 0).astype(np.float32)
    first = np.arange(count) % 2 == 0
    return Outcomes(score, value, value, score, score.size, (first, first))


def test_one_threshold_of_exact_scores_is_the_floor():
    limits = OneThreshold(seen())
    settings, made = limits.choose(0.2)
    assert settings.threshold == settings.floor > 0
    assert made.error <= 0.2 and made.density == pytest.approx(1 - made.zeros)
    assert limits.choose(None) == limits.choose(0) and limits.choose(0)[0] == NOTHING_SET
    assert limits.choose(0)[1].error == 0


def test_one_threshold_is_never_below_zero():
    """Noise makes threshold 0 lose 15 %; an error of 1 % would ask for computing what is surely negative."""
    assert OneThreshold(seen(NOISE)).choose(0.01) == OneThreshold(seen(NOISE)).choose(0)


def test_thresholds_per_channel_reach_the_error():
    limits = ThresholdPerChannel(seen(NOISE), NOISE * np.linspace(0.2, 2, 6))
    found = [limits.choose(error) for error in (0.02, 0.05, 0.1, 0.2, 0.4)]
    assert [made.error for _, made in found] == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.4], rel=0.05)
    assert (np.diff([made.density for _, made in found]) < 0).all()
    assert (np.diff([made.zeros for _, made in found]) > 0).all()
    thresholds = np.array([settings.threshold for settings, _ in found])
    assert thresholds.shape == (5, 6) and (np.diff(thresholds, axis=0) >= 0).all()


def test_thresholds_per_channel_beat_one_for_all():
    """Judged on other data: a skipped output costs most where channels are large."""
    limits = ThresholdPerChannel(seen(NOISE), NOISE * np.linspace(0.2, 2, 6))
    settings, made = limits.choose(0.2)
    other = seen(NOISE, seed=1)
    threshold = np.array(settings.threshold)

    def judged(skipped: np.ndarray) -> tuple[float, float]:
        lost = np.square(other.best[skipped]).sum() / np.square(other.best).sum()
        return float(np.sqrt(lost)), 1 - float(skipped.mean())

    error, density = judged(other.score <= threshold)
    # 12000 outputs, of which some hundred are lost: the error varies by some 5 %, the density by 0.005.
    assert error == pytest.approx(made.error, rel=0.2) and density == pytest.approx(made.density, abs=0.025)
    one = np.quantile(other.score / threshold.std(), 1 - density) * threshold.std()
    assert judged(other.score <= one)[0] > error


def test_outputs_below_zero_are_all_computed():
    outcomes = seen()
    settings, made = AllSelected(outcomes).choose(0.5)
    assert settings == NOTHING_SET and (made.error, made.density) == (0.0, 1.0)


def test_a_single_window_is_enough():
    one = seen(NOISE, count=1)
    settings, _ = ThresholdPerChannel(one, np.full(6, NOISE)).choose(0.1)
    assert np.isfinite(settings.threshold).all()


def test_short_numbers():
    assert short_list(np.array([1 / 3, -12345678.0, 0.0])) == (0.333333, -12345700.0, 0.0)
