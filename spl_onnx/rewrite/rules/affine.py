"""What follows a convolution channel by channel and disappears in its weights: y -> y * f + t.

BatchNormalization at inference is (y - m) * s / sqrt(v + e) + t, so f = s / sqrt(v + e) and its shift is t -
m * f. Add, Sub, Mul and Div with one constant per channel (or a single one) are of the same form. Behind X *
W + b a chain of them gives W' = W * f and b' = b * f + t. Factors are computed in float64 and rounded once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.chain import Chain, other_operand
from spl_onnx.rewrite.rules.constants import constant_float
from spl_onnx.rewrite.rules.site import Refused, attributes, label

_ARITHMETIC = ("Add", "Sub", "Mul", "Div")
Float64 = npt.NDArray[np.float64]


def take_affine(chain: Chain) -> list[gs.Node]:
    """Step over all BatchNormalization nodes and arithmetic with constants that follow directly."""
    found: list[gs.Node] = []
    while True:
        node = chain.take("BatchNormalization") or _take_arithmetic(chain)
        if node is None:
            return found
        found.append(node)


def _take_arithmetic(chain: Chain) -> gs.Node | None:
    ahead = chain.fork()
    node = ahead.take(*_ARITHMETIC)
    if node is None or chain.scope.constant(other_operand(node, ahead.nodes)) is None:
        return None
    return chain.take(*_ARITHMETIC)


def affine_terms(scope: Scope, node: gs.Node, channels: int, rank: int) -> tuple[Float64, Float64]:
    """Factor and shift of `node`, both `[channels]`.

    Args:
        scope: The graph.
        node: A node of `take_affine`.
        channels: Output channels of the convolution.
        rank: Dimensions of its output.

    Raises:
        Refused: Training mode, or a parameter that is not float32 with one value per channel.
    """
    if node.op == "BatchNormalization":
        return _norm_terms(scope, node, channels)
    index = next(i for i, tensor in enumerate(node.inputs) if scope.constant(tensor) is not None)
    values = constant_float(scope, node, index, "operand").astype(np.float64)
    padded = values.reshape((1,) * max(rank - values.ndim, 0) + values.shape)
    if padded.ndim != rank or padded.size not in (1, padded.shape[1]) or padded.shape[1] not in (1, channels):
        raise Refused(
            f"operand of {label(node)} has shape {list(values.shape)}, wanted one value per channel"
        )
    c = np.broadcast_to(padded.reshape(-1), (channels,))
    one, zero = np.ones(channels), np.zeros(channels)
    terms = {
        "Add": (one, c),
        "Sub": (one, -c),
        "Mul": (c, zero),
        "Div": (one / np.where(c == 0, np.nan, c), zero),
    }
    return terms[node.op]


def _norm_terms(scope: Scope, node: gs.Node, channels: int) -> tuple[Float64, Float64]:
    given = attributes(node)
    if given.integer("training_mode", 0) == 1:
        raise Refused(f"{label(node)} is in training mode")
    parameters = []
    for index, what in enumerate(("scale", "shift", "mean", "variance"), start=1):
        values = constant_float(scope, node, index, what)
        if values.shape != (channels,):
            raise Refused(f"{what} of {label(node)} has shape {list(values.shape)}, wanted [{channels}]")
        parameters.append(values.astype(np.float64))
    scale, shift, mean, variance = parameters
    with np.errstate(all="ignore"):  # a variance below 0 gives weights that are not finite, which is said
        factor = scale / np.sqrt(variance + given.number("epsilon", 1e-5))
        return factor, shift - mean * factor
