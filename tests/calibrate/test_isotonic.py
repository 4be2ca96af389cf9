"""Isotonic regression against its defining properties and a direct method."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.calibrate.isotonic import isotonic


def pooled(values: list[float], weights: list[float]) -> list[float]:
    """Pool adjacent violators, one column."""
    blocks: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (v, w, n), (last, weight_of_last, m) = blocks[-2], blocks.pop()
            blocks[-1] = [(v * w + last * weight_of_last) / (w + weight_of_last), w + weight_of_last, n + m]
    return [block[0] for block in blocks for _ in range(int(block[2]))]


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0.1, 9)), min_size=1, max_size=12))
def test_agrees_with_pooling_adjacent_violators(pairs):
    values, weights = zip(*pairs, strict=True)
    got = isotonic(np.array(values)[:, None], np.array(weights))[:, 0]
    # Means of up to 12 numbers up to 9: rounding of a few eps times 12 * 9 * 9 / 0.1.
    np.testing.assert_allclose(got, pooled(list(values), list(weights)), atol=1e-10)


def test_columns_are_independent():
    values = np.random.default_rng(0).standard_normal((20, 600))
    weights = np.random.default_rng(1).uniform(1, 2, 20)
    together = isotonic(values, weights)
    alone = np.concatenate([isotonic(values[:, i : i + 1], weights) for i in range(600)], axis=1)
    np.testing.assert_array_equal(together, alone)
    assert (np.diff(together, axis=0) >= 0).all()


def test_rising_values_stay():
    values = np.arange(5.0)[:, None]
    np.testing.assert_array_equal(isotonic(values, np.ones(5)), values)
