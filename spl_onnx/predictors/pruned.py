"""The pruned predictor: the most important weights of every filter, the others 0.

Importance is |w|, or |w| times the root mean square of its input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import UsageError
from spl_onnx.predictors.weights import Float, per_weight


def kept_count(products: int, keep: float) -> int:
    """Weights kept per filter: `keep` * `products` to the nearest integer (halves to even), at least 1.

    Raises:
        UsageError: `keep` is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise UsageError(f"keep is {keep}; wanted a ratio above 0 and at most 1")
    return max(1, round(keep * products))


def prune(weights: Float, keep: float, input_rms: Array | None = None) -> Float:
    """Weights with the less important ones 0, as many in every filter; of equal ones the first are kept.

    Args:
        weights: `[O,...]` float32, finite.
        keep: Ratio of weights kept, in (0, 1].
        input_rms: Root mean square of the input of every weight, `[kH,kW,C/group]` or `[K]`, or with filters
            first; None weighs all inputs alike.

    Raises:
        UsageError: `keep` is not in (0, 1].
        RuleError: `input_rms` does not fit, or holds values that are not finite.
    """
    rows = weights.reshape(weights.shape[0], -1)
    count = kept_count(rows.shape[1], keep)
    if count == rows.shape[1]:
        return weights
    importance = np.abs(rows.astype(np.float64))
    if input_rms is not None:
        importance = importance * np.abs(per_weight("input_rms", input_rms, weights))
    return np.where(most_important(importance, count), rows, np.float32(0)).reshape(weights.shape)


def most_important(importance: Array, count: int) -> NDArray[np.bool_]:
    """Which `count` entries of each row of [O, K] are the largest; of equal ones the first are."""
    least = -np.partition(-importance, count - 1, axis=1)[:, count - 1, None]
    above, tied = importance > least, importance == least
    # Networks with repeated weights have many of exactly the least importance kept.
    wanted = count - above.sum(axis=1, keepdims=True)
    return np.asarray(above | (tied & (np.cumsum(tied, axis=1) <= wanted)))
