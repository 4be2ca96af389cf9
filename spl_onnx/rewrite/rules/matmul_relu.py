"""MatMul [Add] Relu|Clip(0,b), of any rank: the feed-forward part of a transformer.

With a constant right operand B [K,O], every row x of the left operand gives y = clip(x * B + c); W = B^T as
[O,K]. The Add is folded when it holds one constant per output (or a single one).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS, read_activation
from spl_onnx.rewrite.rules.base import LayerRule
from spl_onnx.rewrite.rules.chain import Chain, other_operand
from spl_onnx.rewrite.rules.constants import constant_float
from spl_onnx.rewrite.rules.site import FloatArray, Folded, Match, Refused, Site, label


class MatMulRelu(LayerRule):
    """Matrix product with constant weights, optional bias, activation."""

    name: ClassVar[str] = "matmul_relu"
    anchors: ClassVar[frozenset[str]] = frozenset(("MatMul",))
    summary: ClassVar[str] = "MatMul [Add] Relu|Clip(0,b)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """MatMul, Add where there is one, activation."""
        chain = Chain(scope, anchor)
        add = chain.take("Add")
        addend = other_operand(add, chain.nodes) if add is not None else None
        act = chain.take(*ACTIVATIONS)
        return [chain.match(add=add, addend=addend, act=act)] if act is not None else []

    def examine(self, match: Match) -> str:
        """Read every part, so that what cannot be expressed is refused here."""
        read_activation(match.scope, match.act)
        self._parts(match)
        rank = match.scope.rank(match.anchor.inputs[0])
        if rank is not None and rank < 2:
            raise Refused(f"input of {label(match.anchor)} has rank {rank}, wanted at least 2")
        return ""

    def fold(self, match: Match) -> Folded:
        """Weights and bias."""
        w, c = self._parts(match)
        b = np.zeros(w.shape[1], np.float32)
        return Folded(np.ascontiguousarray(w.T), b if c is None else b + c.reshape(-1))

    def site(self, match: Match, folded: Folded) -> Site:
        """The site of the product."""
        activation = read_activation(match.scope, match.act)
        return Site(match, match.anchor.inputs[0], folded.w, folded.b, activation)

    def _parts(self, match: Match) -> tuple[FloatArray, FloatArray | None]:
        """Weights `[K,O]` and what is added, as they are; no copies."""
        node, scope = match.anchor, match.scope
        if scope.constant(node.inputs[1]) is None and scope.constant(node.inputs[0]) is not None:
            raise Refused(
                f"weights '{node.inputs[0].name}' of {label(node)} are the left operand, wanted the right one"
            )
        w = constant_float(scope, node, 1, "weights")
        if w.ndim != 2:
            raise Refused(f"weights of {label(node)} have rank {w.ndim}, wanted 2")
        return w, self._addend(match, w.shape[1])

    @staticmethod
    def _addend(match: Match, outputs: int) -> FloatArray | None:
        if match.add is None:
            return None
        index = next(i for i, tensor in enumerate(match.add.inputs) if tensor is match.addend)
        c = constant_float(match.scope, match.add, index, "bias")
        rank = match.scope.rank(match.anchor.inputs[0])
        fits = c.size == 1 or (c.shape[-1] == c.size == outputs)
        if not fits or c.ndim > (1 if rank is None else rank):
            raise Refused(
                f"bias of {label(match.add)} has shape {list(c.shape)}, wanted one value per output"
            )
        return c
