"""Curves of expected squared error by score."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.calibrate.curves import Curves


def noisy(count: int, channels: int, noise: float, shift: float = 0.0, seed: int = 0):
    """Scores, and exact values that differ from them by normal noise; ReLU."""
    rng = np.random.default_rng(seed)
    score = rng.standard_normal((count, channels)).astype(np.float32) + np.float32(shift)
    exact = np.maximum(score + noise * rng.standard_normal(score.shape), 0)
    return score, np.square(exact).astype(np.float32), np.full(channels, noise)


def expected(score: np.ndarray, noise: float) -> np.ndarray:
    """E[max(score + noise * n, 0)^2] of a normal n, by quadrature."""
    n = np.linspace(-8, 8, 4001)
    density = np.exp(-(n**2) / 2) / np.sqrt(2 * np.pi) * (n[1] - n[0])
    return (np.maximum(score[:, None] + noise * n, 0) ** 2 * density).sum(axis=1)


def test_curves_are_the_expected_squared_error():
    curves = Curves(*noisy(8192, 4, 0.5))
    at = np.linspace(-1.5, 1.5, 13)
    found = curves.levels(np.repeat(at[:, None], 4, axis=1).astype(np.float32))
    # A bin holds 128 outputs, the prior 32 of all channels. max(.)^2 of a normal has a standard deviation of
    # at most 2 * (|score| + noise) * noise + noise^2; 5 of them over sqrt(128), and half a bin of slope.
    spread = 2 * (abs(at) + 0.5) * 0.5 + 0.25
    assert (abs(found - expected(at, 0.5)[:, None]) < (5 * spread / np.sqrt(128) + 0.15)[:, None]).all()


def test_levels_rise_and_thresholds_turn_them_around():
    score, gain, noise = noisy(2048, 6, 0.4)
    curves = Curves(score, gain, noise)
    levels = curves.levels(np.sort(score, axis=0))
    assert (np.diff(levels, axis=0) >= 0).all()
    for level in (0.01, 0.1, 0.5):
        skipped = score <= curves.thresholds(level).astype(np.float32)
        # Both ways of asking may differ by rounding, at the edge only.
        assert (skipped != (curves.levels(score) <= level)).mean() < 1e-3


def test_ends():
    score, gain, noise = noisy(512, 3, 0.4)
    curves = Curves(score, gain, noise)
    np.testing.assert_allclose(curves.thresholds(0.0), score.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(curves.thresholds(1e9), score.max(axis=0), rtol=1e-6)
    beyond = curves.levels(np.stack([score.min(axis=0) - 1, score.max(axis=0) + 1]))
    assert (beyond[0] == 0).all() and np.isposinf(beyond[1]).all()


def test_a_channel_without_positives_learns_from_the_others():
    """500 outputs far below 0 showed none; its noise says that those near 0 may be."""
    score, gain, noise = noisy(500, 40, 0.5)
    score[:, 0] = np.linspace(-2.0, -0.2, 500)
    gain[:, 0] = 0.0
    level = Curves(score, gain, noise).levels(np.full((1, 40), -0.3, np.float32))[0, 0]
    assert 0.1 * expected(np.array([-0.3]), 0.5)[0] < level < expected(np.array([-0.3]), 0.5)[0]


@pytest.mark.parametrize("count", [1, 5, 40])
def test_few_outputs_suffice(count):
    curves = Curves(*noisy(count, 3, 0.3))
    assert np.isfinite(curves.thresholds(0.1)).all()


def test_channels_of_different_size_are_alike_in_their_own_units():
    score, gain, noise = noisy(2048, 2, 0.5)
    size = np.array([1.0, 100.0])
    score[:, 1], gain[:, 1] = score[:, 0], gain[:, 0]
    curves = Curves((score * size).astype(np.float32), (gain * size**2).astype(np.float32), noise * size)
    levels = curves.levels(np.array([[0.3, 30.0]], np.float32))[0]
    assert levels[1] == pytest.approx(1e4 * levels[0], rel=1e-4)
