"""Following values from node to node, noting where another reader makes a rewrite impossible."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import Match, label

_STANDARD = (None, "", "ai.onnx")


class Chain:
    """A walk downstream from the node that holds the weights.

    Args:
        scope: The graph.
        anchor: Conv, Gemm or MatMul.
    """

    def __init__(self, scope: Scope, anchor: gs.Node) -> None:
        self.scope = scope
        self.anchor = anchor
        self.nodes = [anchor]
        self.end: gs.Tensor = anchor.outputs[0]
        self.problems: list[str] = []

    def fork(self) -> Chain:
        """A copy that can walk on by itself."""
        other = Chain(self.scope, self.anchor)
        other.nodes, other.end, other.problems = list(self.nodes), self.end, list(self.problems)
        return other

    def take(self, *ops: str) -> gs.Node | None:
        """Step over the next node if it is one of `ops`, and over Identity and idle Dropout before it.

        Returns:
            The node, or None when no reader has such a type (then nothing changed).
        """
        ahead = self.fork()
        while True:
            found = ahead._reader(ops)
            if found is not None:
                ahead._step(found)
                self.nodes, self.end, self.problems = ahead.nodes, ahead.end, ahead.problems
                return found
            idle = ahead._reader(("Identity", "Dropout"))
            if idle is None:
                return None
            ahead._step(idle)

    def match(self, **parts: object) -> Match:
        """The match of the nodes walked so far; `parts` are the remaining fields."""
        nodes = sorted(self.nodes, key=lambda node: self.scope.order[id(node)])
        return Match(self.scope, self.anchor, self.end, nodes, problems=list(self.problems), **parts)  # type: ignore[arg-type]

    def _reader(self, ops: tuple[str, ...]) -> gs.Node | None:
        walked = {id(node) for node in self.nodes}  # a node may be met again only in a graph with a circle
        for node in self.end.outputs:
            inside = id(node) in self.scope.order  # readers in inner graphs cannot be part of a site
            known = node.op in ops and node.domain in _STANDARD and id(node) not in walked
            if inside and known and node.outputs and is_data_input(node, self.end):
                return node
        return None

    def _step(self, node: gs.Node) -> None:
        """Move behind `node`, noting everything else that needs the value before it."""
        readers = self.scope.readers(self.end)
        others = [other for other in readers if other is not node]
        if others:
            self.problems.append(f"'{self.end.name}' is also read by {label(others[0])}")
        elif len(readers) > 1:
            self.problems.append(f"'{self.end.name}' is read twice by {label(node)}")
        if self.scope.is_output(self.end):
            self.problems.append(f"'{self.end.name}' is an output of the graph")
        self.check_side_outputs(node)
        self.nodes.append(node)
        self.end = node.outputs[0]

    def check_side_outputs(self, node: gs.Node) -> None:
        """Note what else is read: mask of Dropout, indices of MaxPool, statistics of BatchNormalization."""
        for extra in node.outputs[1:]:
            if not extra.is_empty() and (self.scope.readers(extra) or self.scope.is_output(extra)):
                self.problems.append(f"output '{extra.name}' of {label(node)} is used")
        if node.op == "Dropout" and len(node.inputs) > 2 and not node.inputs[2].is_empty():
            training = self.scope.constant(node.inputs[2])
            if training is None or bool(training.any()):
                self.problems.append(f"{label(node)} is in training mode")


def is_data_input(node: gs.Node, tensor: gs.Tensor) -> bool:
    """Whether `tensor` is what `node` works on (not its bounds, scale or other parameter)."""
    if node.op in ("Add", "Mul"):
        return len(node.inputs) == 2
    if node.op == "Concat":
        return True
    return bool(node.inputs) and node.inputs[0] is tensor


def other_operand(add: gs.Node, walked: list[gs.Node]) -> gs.Tensor:
    """The operand of `add` that was not written by one of the nodes in `walked`."""
    own = {id(tensor) for node in walked if node is not add for tensor in node.outputs}
    return next((tensor for tensor in add.inputs if id(tensor) not in own), add.inputs[0])
