"""Isotonic regression: the rising sequence nearest to given values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

#: Columns handled together, which bounds memory.
_COLUMNS = 256


def isotonic(values: Matrix, weights: Matrix) -> Matrix:
    """Weighted least squares under the condition that no value is below the one before it.

    The solution at j is the largest over a <= j of the smallest over b >= j of the mean of a..b: work grows
    with the square of the length, but all columns are handled at once.

    Args:
        values: [length, columns], short.
        weights: [length], above 0.

    Returns:
        [length, columns].
    """
    parts = [
        _rising(values[:, start : start + _COLUMNS], weights) for start in range(0, values.shape[1], _COLUMNS)
    ]
    return np.concatenate(parts, axis=1) if parts else values


def _rising(values: Matrix, weights: Matrix) -> Matrix:
    total = np.cumsum(weights)
    sums = np.cumsum(values * weights[:, None], axis=0)
    result = np.full(values.shape, -np.inf)
    for a in range(len(values)):
        before, sum_before = (total[a - 1], sums[a - 1]) if a else (0.0, 0.0)
        means = (sums[a:] - sum_before) / (total[a:] - before)[:, None]
        least = np.minimum.accumulate(means[::-1], axis=0)[::-1]
        result[a:] = np.maximum(result[a:], least)
    return result
