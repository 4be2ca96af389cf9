"""Cleaning up the Transposes between sites.

Every site brings its own Transposes. Two passes leave the necessary ones: one copy of each transposed tensor,
and no pair that undoes itself. Passes work on one graph and keep its node order.
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import attributes

_INVERSE = {"Squeeze": "Unsqueeze", "Unsqueeze": "Squeeze", "Transpose": "Transpose"}


def clean_layout(scope: Scope, made: set[int]) -> int:
    """Remove redundant layout nodes of one graph.

    Args:
        scope: The graph.
        made: Ids of nodes that the rewrite made; a pair or copy is removed only if one of its nodes is among
            them.

    Returns:
        How many nodes were removed.
    """
    before = len(scope.graph.nodes)
    while merge_copies(scope, made) + cancel_inverses(scope, made):
        pass
    return before - len(scope.graph.nodes)


def merge_copies(scope: Scope, made: set[int]) -> int:
    """One layout node for all equal ones of the same tensor; returns the number of changes."""
    first: dict[tuple[object, ...], gs.Node] = {}
    changes = 0
    for node in list(scope.graph.nodes):
        if not _is_layout(node):
            continue
        kept = first.setdefault((id(node.inputs[0]), *_action(node)), node)
        if kept is not node and id(node) in made and not scope.is_output(node.outputs[0]):
            _redirect(node.outputs[0], kept.outputs[0])
            _remove(scope, node)
            changes += 1
    return changes


def cancel_inverses(scope: Scope, made: set[int]) -> int:
    """Readers of a node that undoes its predecessor read the original; returns the number of changes."""
    changes = 0
    own = {id(node) for node in scope.graph.nodes}
    for node in list(scope.graph.nodes):
        previous = _producer(node) if _is_layout(node) else None
        if (
            previous is None
            or id(previous) not in own
            or not _is_inverse(previous, node)
            or not {id(node), id(previous)} & made
        ):
            continue
        if not scope.is_output(node.outputs[0]):
            _redirect(node.outputs[0], previous.inputs[0])
            _remove(scope, node)
            changes += 1
            if not previous.outputs[0].outputs and not scope.is_output(previous.outputs[0]):
                _remove(scope, previous)
    return changes


def _is_layout(node: gs.Node) -> bool:
    known = node.op in _INVERSE and node.domain in (None, "", "ai.onnx")
    return known and bool(node.inputs) and len(node.outputs) == 1 and _numbers(node) is not None


def _numbers(node: gs.Node) -> tuple[int, ...] | None:
    """The order or the axes of a layout node, empty where it names none; None where they mean nothing."""
    try:
        numbers = attributes(node).integers("perm" if node.op == "Transpose" else "axes", default=())
    except ModelError:
        return None
    is_order = node.op != "Transpose" or sorted(numbers) == list(range(len(numbers)))
    return numbers if is_order else None


def _action(node: gs.Node) -> tuple[object, ...]:
    """What the node does, comparable."""
    return (node.op, _numbers(node), *(id(tensor) for tensor in node.inputs[1:]))


def _producer(node: gs.Node) -> gs.Node | None:
    return node.inputs[0].inputs[0] if len(node.inputs[0].inputs) == 1 else None


def _is_inverse(first: gs.Node, second: gs.Node) -> bool:
    if not _is_layout(first) or _INVERSE[first.op] != second.op:
        return False
    if first.op == "Transpose":
        p, q = _numbers(first), _numbers(second)
        return p is not None and q is not None and 0 < len(p) == len(q) and [p[i] for i in q] == sorted(p)
    if len(first.inputs) == 2 and len(second.inputs) == 2:
        return first.inputs[1] is second.inputs[1]
    return bool(_numbers(first)) and _numbers(first) == _numbers(second)


def _redirect(old: gs.Tensor, new: gs.Tensor) -> None:
    """Let all readers of `old`, also in inner graphs, read `new`."""
    for reader in list(old.outputs):
        for index, tensor in enumerate(reader.inputs):
            if tensor is old:
                reader.inputs[index] = new


def _remove(scope: Scope, node: gs.Node) -> None:
    """Take `node` out of the graph (by identity: graphsurgeon compares nodes by content)."""
    node.inputs.clear()
    node.outputs.clear()
    scope.graph.nodes[:] = [other for other in scope.graph.nodes if other is not node]
