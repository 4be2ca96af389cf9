"""What a change of scores leads to expect of decisions, where counting them is mostly luck.

Products in 8 bits change scores by chance: some decisions that were just right get lost, some that were just
wrong are gained, about as many. On a few hundred samples the count of both is far less certain (1 point of
top-1 for 150 images) than the losses in question. How much less clearly all decisions are right is known
three to five times as well from the same samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array

#: Difference of scores, in standard deviations, at which a decision is clear.
_SOFTNESS = 0.3


def soft_right(outputs: Array, labels: Array) -> NDArray[np.float64]:
    """How clearly each decision is right: near 1 or 0, and a half where right and wrong scores are equal.

    A search that tries many configurations would find those that are right by luck: a decision that is just
    right counts 1 and one that is just wrong counts 0. Here both count about a half. Scores are taken in
    units of their standard deviation over the classes, so that being more certain is no advantage.

    Args:
        outputs: scores, [n, classes].
        labels: class numbers, [n].

    Returns:
        [n], from 0 to 1.
    """
    rows = np.asarray(outputs.reshape(len(outputs), -1), np.float64)
    rows = rows / np.maximum(rows.std(axis=1, keepdims=True), 1e-12)
    index = np.arange(len(rows))
    right = rows[index, labels]
    rows[index, labels] = -np.inf
    margin = np.clip((right - rows.max(axis=1)) / _SOFTNESS, -60.0, 60.0)
    return np.asarray(1.0 / (1.0 + np.exp(-margin)))


def likely_drop(expected: float, interval: tuple[float, float]) -> float:
    """The drop to judge by: what is expected, unless the counted decisions show that it is more.

    Args:
        expected: mean loss of `soft_right`.
        interval: of the counted drop, two-sided, 95 %.
    """
    return max(expected, interval[0])
