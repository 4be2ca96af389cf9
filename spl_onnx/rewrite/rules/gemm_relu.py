"""Gemm Relu|Clip(0,b).

Gemm is alpha * A * op(B) + beta * C. With constant B and C: W = alpha * op(B)^T as [O,K], b = beta * C as
[O].
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS, read_activation
from spl_onnx.rewrite.rules.base import LayerRule
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.constants import constant_float, has_input
from spl_onnx.rewrite.rules.site import FloatArray, Folded, Match, Refused, Site, attributes, label


class _Parts(NamedTuple):
    """What a Gemm computes with, nothing copied: op(B)^T `[O,K]`, its factor, C and its factor."""

    w: FloatArray
    alpha: float
    c: FloatArray | None = None
    beta: float = 1.0


class GemmRelu(LayerRule):
    """Fully connected layer and activation."""

    name: ClassVar[str] = "gemm_relu"
    anchors: ClassVar[frozenset[str]] = frozenset(("Gemm",))
    summary: ClassVar[str] = "Gemm Relu|Clip(0,b)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Gemm, activation."""
        chain = Chain(scope, anchor)
        act = chain.take(*ACTIVATIONS)
        return [chain.match(act=act)] if act is not None else []

    def examine(self, match: Match) -> str:
        """Read every part, so that what cannot be expressed is refused here."""
        if attributes(match.anchor).integer("transA", 0) != 0:
            raise Refused(f"{label(match.anchor)} transposes its input (transA)")
        read_activation(match.scope, match.act)
        self._parts(match)
        return ""

    def fold(self, match: Match) -> Folded:
        """Weights and bias with alpha, beta and transB folded in."""
        parts = self._parts(match)
        w = np.ascontiguousarray(parts.w * np.float32(parts.alpha))
        b = np.zeros(w.shape[0], np.float32)
        return Folded(w, b if parts.c is None else b + parts.c.reshape(-1) * np.float32(parts.beta))

    def site(self, match: Match, folded: Folded) -> Site:
        """The site of the fully connected layer."""
        activation = read_activation(match.scope, match.act)
        return Site(match, match.anchor.inputs[0], folded.w, folded.b, activation)

    @staticmethod
    def _parts(match: Match) -> _Parts:
        node, given = match.anchor, attributes(match.anchor)
        w = constant_float(match.scope, node, 1, "weights")
        if w.ndim != 2:
            raise Refused(f"weights of {label(node)} have rank {w.ndim}, wanted 2")
        if not given.integer("transB", 0):
            w = w.T
        alpha = given.number("alpha", 1.0)
        if not has_input(node, 2):
            return _Parts(w, alpha)
        c = constant_float(match.scope, node, 2, "bias")
        if c.ndim > 2 or c.size not in (1, w.shape[0]) or (c.ndim == 2 and c.shape[0] != 1):
            raise Refused(f"bias of {label(node)} has shape {list(c.shape)}, wanted one value per output")
        return _Parts(w, alpha, c, given.number("beta", 1.0))
