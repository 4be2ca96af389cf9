"""The pruned predictor: the most important weights of every filter, the others 0.

Importance is |w|, or |w| times the root mean square of its input. What the dropped weights add on
average goes into the bias: Bp = b + sum((w - wp) * mean input) - threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spl_onnx.errors import UsageError
from spl_onnx.predictors.weights import Float, PredictorWeights, layer_weights, per_output, per_weight


def kept_count(products: int, keep: float) -> int:
    """Weights kept per filter: `keep` * `products` to the nearest integer (halves to even), at least 1.

    Raises:
        UsageError: `keep` is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise UsageError(f"keep is {keep}; wanted a ratio above 0 and at most 1")
    return max(1, round(keep * products))


def build_pruned(
    w: NDArray[Any],
    b: ArrayLike | None,
    keep: float,
    input_rms: NDArray[Any] | None = None,
    input_mean: NDArray[Any] | None = None,
    threshold: ArrayLike = 0.0,
) -> PredictorWeights:
    """Keeps the same number of weights in every filter. Of equally important ones the first are kept.

    Args:
        w: `[O,...]` float32, finite.
        b: Bias, `[O]`; None is 0.
        keep: Ratio of weights kept, in (0, 1].
        input_rms: Root mean square of the input of every weight, `[kH,kW,C/group]` or `[K]`, or with filters
            first; None weighs all inputs alike.
        input_mean: Mean of the input of every weight, shaped alike; None corrects nothing.
        threshold: An output counts when its score is above it; one number or `[O]`.

    Returns:
        float32 weights with exactly `kept_count` entries chosen per filter (a chosen weight may itself be 0).

    Raises:
        UsageError: `keep` is not in (0, 1].
        RuleError: Shapes that do not fit, or values that are not finite.
    """
    weights = layer_weights(w)
    kept = prune(weights, keep, input_rms)
    outputs = weights.shape[0]
    bp = per_output("bias", b, outputs) - per_output("threshold", threshold, outputs)
    if input_mean is not None:
        dropped = (weights - kept).reshape(outputs, -1).astype(np.float64)
        bp = bp + (dropped * per_weight("input_mean", input_mean, weights)).sum(axis=1)
    return PredictorWeights(kept, bp.astype(np.float32))


def prune(weights: Float, keep: float, input_rms: NDArray[Any] | None = None) -> Float:
    """Weights with the less important ones 0; arguments and errors as for `build_pruned`."""
    rows = weights.reshape(weights.shape[0], -1)
    count = kept_count(rows.shape[1], keep)
    if count == rows.shape[1]:
        return weights
    importance = np.abs(rows.astype(np.float64))
    if input_rms is not None:
        importance = importance * np.abs(per_weight("input_rms", input_rms, weights))
    return np.where(most_important(importance, count), rows, np.float32(0)).reshape(weights.shape)


def most_important(importance: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Which `count` entries of each row of [O, K] are the largest; of equal ones the first are."""
    least = -np.partition(-importance, count - 1, axis=1)[:, count - 1, None]
    above, tied = importance > least, importance == least
    # Networks with repeated weights have many of exactly the least importance kept.
    wanted = count - above.sum(axis=1, keepdims=True)
    return np.asarray(above | (tied & (np.cumsum(tied, axis=1) <= wanted)))
