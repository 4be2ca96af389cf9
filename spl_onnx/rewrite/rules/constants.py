"""Reading the constant inputs of a node."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import FloatArray, Refused, label


def constant_float(scope: Scope, node: gs.Node, index: int, what: str) -> FloatArray:
    """Input `index` of `node` as a constant float32 array.

    Raises:
        Refused: It is not constant, has another type, or holds no number.
    """
    if not has_input(node, index):
        raise Refused(f"{label(node)} has no {what}")
    tensor = node.inputs[index]
    value = scope.constant(tensor)
    if value is None:
        raise Refused(f"{what} '{tensor.name}' of {label(node)} is not constant")
    if value.dtype != np.float32:
        raise Refused(f"{what} '{tensor.name}' of {label(node)} has type {value.dtype}, wanted float32")
    if not value.size:
        raise Refused(
            f"{what} '{tensor.name}' of {label(node)} has shape {list(value.shape)}: it holds nothing"
        )
    return value.astype(np.float32, copy=False)


def has_input(node: gs.Node, index: int) -> bool:
    """Whether the optional input `index` is given."""
    return len(node.inputs) > index and not node.inputs[index].is_empty()
