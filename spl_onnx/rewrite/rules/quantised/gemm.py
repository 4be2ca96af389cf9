"""DequantizeLinear Gemm [Relu|Clip(0,b)] QuantizeLinear, and the same of MatMul with constant weights.

As for convolutions the sums are whole numbers, those of the model's own bytes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS, read_activation
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, bytes_behind, read_code, writer
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.quantised.layer_rule import ByteLayerRule
from spl_onnx.rewrite.rules.quantised.weights import ByteWeights, read_bias, read_weights, require_length
from spl_onnx.rewrite.rules.site import Match, Refused, attributes, label


class ByteGemm(ByteLayerRule):
    """Fully connected layer of bytes."""

    name: ClassVar[str] = "qdq_gemm"
    anchors: ClassVar[frozenset[str]] = frozenset(("Gemm", "MatMul"))
    summary: ClassVar[str] = "Gemm [Relu|Clip(0,b)], or MatMul, of bytes (QDQ)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """The product, activation, bytes; nothing where one operand is no bytes."""
        if any(writer(tensor, DEQUANTIZE) is None for tensor in anchor.inputs[:2]):
            return []
        chain = Chain(scope, anchor)
        act = chain.take(*ACTIVATIONS)
        quantize = chain.take(QUANTIZE)
        if quantize is None:
            chain.problems.append(f"no {QUANTIZE} follows {label(chain.nodes[-1])}, which works on bytes")
        return [chain.match(act=act, quantize=quantize)]

    def layer(self, match: Match) -> ByteLayer:
        """The layer of a match.

        Raises:
            Refused: It cannot be expressed.
        """
        scope, anchor = match.scope, match.anchor
        assert match.quantize is not None
        x, xcode = bytes_behind(scope, anchor.inputs[0])
        rank = scope.rank(anchor.inputs[0])
        if rank is not None and rank < 2:
            raise Refused(f"input of {label(anchor)} has rank {rank}, wanted at least 2")
        w = self._weights(match)
        require_length(anchor, w)
        activation, ycode = read_activation(scope, match.act), read_code(scope, match.quantize)
        return ByteLayer(x, xcode, w, read_bias(scope, anchor, len(w.q)), activation, ycode)

    def replacement(self, match: Match, inputs: list[gs.Tensor]) -> list[gs.Node]:
        """QSRMM."""
        rank = match.scope.rank(match.anchor.inputs[0])
        return self.layer(match).nodes(match.scope, match.name, match.output, rank)

    @staticmethod
    def _weights(match: Match) -> ByteWeights:
        """Weights `[O,K]`."""
        anchor, given = match.anchor, attributes(match.anchor)
        for name in ("alpha", "beta"):
            if given.number(name, 1.0) != 1.0:
                raise Refused(f"{label(anchor)} has {name} {given.number(name, 1.0)}, wanted 1 for bytes")
        if given.integer("transA", 0) != 0:
            raise Refused(f"{label(anchor)} transposes its input (transA)")
        outputs_first = given.integer("transB", 0) != 0
        w = read_weights(match.scope, anchor, 0 if outputs_first else -1)
        if w.q.ndim != 2:
            raise Refused(f"weights of {label(anchor)} have rank {w.q.ndim}, wanted 2")
        return w if outputs_first else ByteWeights(np.ascontiguousarray(w.q.T), w.scale)
