"""Keeping ONNX Runtime from moving a Transpose behind a node that does not work in the other layout.

ONNX Runtime moves Transposes towards the outputs, also through a cubic Resize, whose kernel then refuses
images that are channels last: before 1.22 all, later those that become smaller. It looks for that refusal
only where the size of the image is known or the factors are given. A Reshape to the same shape costs nothing
and lets no Transpose through.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.constants import has_input

_SIZES = 3  # input of Resize


def hold_transposes(scope: Scope) -> list[gs.Node]:
    """Put a Reshape in front of every cubic Resize to given sizes.

    Args:
        scope: The graph; nodes in it have been rewritten.

    Returns:
        The new nodes.
    """
    made = []
    for node in list(scope.graph.nodes):
        if not _is_cubic(node) or scope.rank(node.inputs[0]) != 4:
            continue
        held = gs.Variable(scope.model.fresh(f"{node.outputs[0].name}/held"))
        name = scope.model.fresh(f"{node.outputs[0].name}/hold")
        reshape = gs.Node("Reshape", name, {}, [node.inputs[0], _same_shape(scope)], [held])
        node.inputs[0] = held
        place = next(i for i, other in enumerate(scope.graph.nodes) if other is node)
        scope.graph.nodes.insert(place, reshape)
        made.append(reshape)
    return made


def _is_cubic(node: gs.Node) -> bool:
    cubic = node.op == "Resize" and node.domain in (None, "", "ai.onnx") and node.attrs.get("mode") == "cubic"
    return cubic and has_input(node, _SIZES)


def _same_shape(scope: Scope) -> gs.Tensor:
    """The target of a Reshape that keeps all four sizes."""
    name = "spl/same_shape"
    if name not in scope.shared:
        scope.shared[name] = gs.Constant(scope.model.fresh(name), np.zeros(4, np.int64))
    return scope.shared[name]
