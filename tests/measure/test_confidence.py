"""Bounds of a drop: what they cover, worked out exactly, and what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spl_onnx.measure.confidence import LEVEL, bootstrap_interval, drop_bound, of_decisions, of_differences

ONE_SIDED, TWO_SIDED = 1.6448536269514722, 1.959963984540054


def pairs(losses, gains, images):
    """Outcomes of both networks with these counts; the rest is half right, half wrong."""
    rest = images - losses - gains
    same = np.arange(rest) % 2
    return np.r_[np.ones(losses), np.zeros(gains), same], np.r_[np.zeros(losses), np.ones(gains), same]


def probabilities(images, loss, gain):
    """Every (losses, gains) that matters, with its trinomial probability."""
    for losses in range(images + 1):
        for gains in range(images - losses + 1):
            counts = (losses, gains, images - losses - gains)
            logs = [n * math.log(p) for n, p in zip(counts, (loss, gain, 1 - loss - gain), strict=True) if n]
            log = math.lgamma(images + 1) - sum(math.lgamma(n + 1) for n in counts) + sum(logs)
            if log > -16:
                yield losses, gains, math.exp(log)


@pytest.mark.parametrize(
    ("images", "loss", "gain"),
    [
        (40, 0.01, 0.005),
        (40, 0.1, 0.1),
        (40, 0.6, 0.1),
        (100, 0.001, 0.001),
        (100, 0.02, 0.001),
        (100, 0.035, 0.03),
        (200, 0.014, 0.001),
        (200, 0.01, 0.03),
    ],
)
def test_coverage(images, loss, gain):
    """Over all outcomes the truth is inside as often as promised; half a point less is discreteness."""
    true, inside, below, total = loss - gain, 0.0, 0.0, 0.0
    for losses, gains, probability in probabilities(images, loss, gain):
        total += probability
        below += probability * (drop_bound(losses, gains, images, ONE_SIDED) >= true)
        upper = drop_bound(losses, gains, images, TWO_SIDED)
        inside += probability * (-drop_bound(gains, losses, images, TWO_SIDED) <= true <= upper)
    assert total == pytest.approx(1, abs=1e-3)
    assert below >= LEVEL - 0.005 and inside >= LEVEL - 0.005


def test_bounds_are_not_needlessly_wide():
    """With many differing decisions the interval is that of the normal approximation and half a count."""
    losses, gains, images = 300, 260, 5000
    found = of_decisions(*pairs(losses, gains, images))
    deviation = math.sqrt(losses + gains - (losses - gains) ** 2 / images) / images
    assert found.drop == pytest.approx(0.008)
    assert found.upper - found.drop == pytest.approx(ONE_SIDED * deviation + 0.5 / images, rel=0.01)
    for end, sign in zip(found.interval, (-1, 1), strict=True):
        assert sign * (end - found.drop) == pytest.approx(TWO_SIDED * deviation + 0.5 / images, rel=0.01)


@pytest.mark.parametrize("images", [100, 500, 1000])
def test_no_difference_is_no_proof(images):
    found = of_decisions(*pairs(0, 0, images))
    assert found.drop == 0 and found.interval[0] == -found.interval[1]
    # No loss among n samples excludes rates p with (1 - p) ** n below 5 %, which is p > 3 / n.
    assert 3 / images < found.upper < 4 / images
    assert not found.proves(0.001) and found.proves(4 / images)


def test_samples_where_both_agree_do_not_matter():
    before, after = pairs(5, 2, 100)
    other = of_decisions(np.where(before == after, 1, before), np.where(before == after, 1, after))
    assert other.interval == of_decisions(before, after).interval


def test_bounds_of_extremes():
    assert of_decisions(np.ones(8), np.zeros(8)).interval[1] == pytest.approx(1)
    gained = of_decisions(np.zeros(8), np.ones(8))
    assert gained.drop == -1 and gained.interval[0] == pytest.approx(-1) and gained.upper < 0


def test_images_needed_would_do():
    found = of_decisions(*pairs(4, 2, 500))
    needed = found.images_needed(0.01)
    assert needed > 500 and not found.proves(0.01)
    assert found.upper_of(needed) <= 0.01 < found.upper_of(needed - 1)
    assert found.images_needed(found.upper) == pytest.approx(500, abs=1)


def test_no_number_of_samples_shows_less_than_the_drop():
    assert of_decisions(*pairs(6, 0, 500)).images_needed(0.012) is None
    assert of_differences(np.full(10, 0.5)).images_needed(0.5) is None


def test_differences_are_resampled():
    values = np.random.default_rng(0).normal(0.3, 1.0, 400)
    found = of_differences(values)
    assert found.drop == pytest.approx(values.mean()) and found.interval == bootstrap_interval(values)
    assert found.upper - found.drop == pytest.approx(ONE_SIDED * values.std() / 20, rel=0.1)
    assert found.drop < found.upper < found.interval[1]
    needed = found.images_needed(0.35)
    # The bound comes nearer with the root of the number of samples.
    assert needed == pytest.approx(400 * ((found.upper - found.drop) / (0.35 - found.drop)) ** 2, rel=0.01)


def test_interval_is_seeded_and_covers():
    values = np.random.default_rng(0).normal(0.3, 1.0, 400)
    low, high = bootstrap_interval(values)
    assert bootstrap_interval(values) == (low, high) != bootstrap_interval(values, seed=1)
    # The interval of a mean is mean +- 1.96 * deviation / sqrt(n); 2000 resamples give it to some 5 %.
    half = 1.96 * values.std() / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    assert low < values.mean() < high


def test_interval_of_equal_values_has_no_width():
    assert bootstrap_interval(np.full(10, 0.25)) == (0.25, 0.25)
