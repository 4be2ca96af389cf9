"""What every predictor is made of, and the parts of building one that all predictors share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import RuleError

Float = NDArray[np.float32]


@dataclass(frozen=True)
class PredictorWeights:
    """Inputs of an SPLPredict node, except image and residual.

    Attributes:
        wp: Weights of the layer's shape `[O,...]`, float32 (pruned entries are 0) or int8.
        bp: `[O]` float32, bias + mean correction - threshold.
        wscale: `[O]` float32 with int8 weights, else None.
        xscale: `[1]` or `[2]` float32 (scale, zero point), or None: each sample has its own.
    """

    wp: Float | NDArray[np.int8]
    bp: Float
    wscale: Float | None = None
    xscale: Float | None = None


def layer_weights(w: Array) -> Float:
    """`w` `[O,...]` as float32; RuleError where a value is not finite or there is nothing to predict with."""
    weights = np.asarray(w, np.float32)
    if weights.ndim < 2 or weights.size == 0:
        raise RuleError(f"weights have shape {list(weights.shape)}; wanted [O,...] with at least one weight")
    if not np.isfinite(weights).all():
        raise RuleError(
            "a weight is not finite; wanted finite weights for a predictor; leave this site dense"
        )
    return weights


def per_output(name: str, values: ArrayLike | None, outputs: int) -> NDArray[np.float64]:
    """One number for all, or `[outputs]`, as `[outputs]`; None is 0. RuleError for another shape."""
    given = np.asarray(0.0 if values is None else values, np.float64)
    if given.shape not in ((), (outputs,)):
        raise RuleError(
            f"{name} has shape {list(given.shape)}; wanted one number or [{outputs}], one per output"
        )
    return np.broadcast_to(given, (outputs,))


def per_weight(name: str, values: Array, w: Array) -> NDArray[np.float64]:
    """Input statistics laid out as weights.

    Args:
        name: What they are, for the error.
        values: One number per weight of a filter, `[kH,kW,C/group]` or `[K]`; or per filter too, `[O,...]` or
            `[O,K]` (groups see different inputs).
        w: Weights `[O,...]`.

    Returns:
        float64 `[O,K]` or `[1,K]`.

    Raises:
        RuleError: Another shape, or a value that is not finite.
    """
    given = np.asarray(values, np.float64)
    outputs, products = w.shape[0], int(np.prod(w.shape[1:]))
    if given.shape not in (w.shape[1:], (products,), w.shape, (outputs, products)):
        raise RuleError(
            f"{name} has shape {list(given.shape)}, the weights {list(w.shape)}; "
            f"wanted {list(w.shape[1:])} or [{products}], or the shape of the weights"
        )
    if not np.isfinite(given).all():
        raise RuleError(f"{name} holds a value that is not finite; check the calibration data")
    return given.reshape(-1, products)
