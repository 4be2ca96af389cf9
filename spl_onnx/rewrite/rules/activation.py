"""Reading Relu and Clip. Relu is max(x, 0); Clip(0, b) is min(max(x, 0), b), so ReLU6 is Clip(0, 6)."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import Refused, attributes, label
from spl_onnx.spec.attributes import Activation

ACTIVATIONS = ("Relu", "Clip")


def read_activation(scope: Scope, node: gs.Node | None) -> Activation:
    """The activation of `node`; none where there is no node.

    Raises:
        Refused: A Clip whose lower bound is not 0, or whose bounds are not constant.
    """
    if node is None:
        return Activation.none()
    if node.op == "Relu":
        return Activation.relu()
    low, high = _bound(scope, node, 1, "min"), _bound(scope, node, 2, "max")
    if low != 0.0:
        raise Refused(
            f"{label(node)} has lower bound {'none' if low is None else low}; only 0 lets outputs be skipped"
        )
    if high is None:
        return Activation.relu()
    if not high > 0.0:
        raise Refused(f"{label(node)} has upper bound {high}, wanted one above 0")
    return Activation.clip(high)


def _bound(scope: Scope, node: gs.Node, index: int, attribute: str) -> float | None:
    """A bound of Clip: an attribute before opset 11, else an input; None when absent."""
    if attribute in (given := attributes(node)):
        return given.number(attribute, 0.0)
    if len(node.inputs) <= index or node.inputs[index].is_empty():
        return None
    value = scope.constant(node.inputs[index])
    if value is None:
        raise Refused(f"bound '{node.inputs[index].name}' of {label(node)} is not constant")
    if value.size != 1 or not np.issubdtype(value.dtype, np.number):
        raise Refused(f"bound '{node.inputs[index].name}' of {label(node)} is not one number")
    return float(value.reshape(-1)[0])
