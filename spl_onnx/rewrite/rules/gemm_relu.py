"""Gemm Relu|Clip(0,b).

Gemm is alpha * A * op(B) + beta * C. With constant B and C: W = alpha * op(B)^T as [O,K], b = beta * C as
[O].
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS, read_activation
from spl_onnx.rewrite.rules.base import LayerRule
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.constants import constant_float, has_input
from spl_onnx.rewrite.site import FloatArray, Match, Refused, Site, attributes, label


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
        self._weights(match)
        return ""

    def rewrite(self, match: Match) -> Site:
        """The site with alpha, beta and transB folded."""
        w, b = self._weights(match)
        return Site(match, match.anchor.inputs[0], w, b, read_activation(match.scope, match.act))

    @staticmethod
    def _weights(match: Match) -> tuple[FloatArray, FloatArray]:
        """Weights `[O,K]` and bias `[O]`."""
        node, given = match.anchor, attributes(match.anchor)
        w = constant_float(match.scope, node, 1, "weights")
        if w.ndim != 2:
            raise Refused(f"weights of {label(node)} have rank {w.ndim}, wanted 2")
        if not given.integer("transB", 0):
            w = w.T
        w = np.ascontiguousarray(w * np.float32(given.number("alpha", 1.0)))
        b = np.zeros(w.shape[0], np.float32)
        if has_input(node, 2):
            c = constant_float(match.scope, node, 2, "bias")
            if c.ndim > 2 or c.size not in (1, w.shape[0]) or (c.ndim == 2 and c.shape[0] != 1):
                raise Refused(f"bias of {label(node)} has shape {list(c.shape)}, wanted one value per output")
            b = b + c.reshape(-1) * np.float32(given.number("beta", 1.0))
        return w, b
