"""DequantizeLinear Conv [Relu|Clip(0,b)] [MaxPool] QuantizeLinear.

Between Conv and MaxPool there may be bytes of the code that the result has: rounding is monotone, so that the
largest byte is the byte of the largest value.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.quantised.byte_rule import Pair, code_of_pair, take_pair
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, read_code, writer
from spl_onnx.rewrite.rules.quantised.conv_base import ByteConvRule
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.site import Match, Refused, label


class ByteConv(ByteConvRule):
    """Convolution of bytes, with or without pooling."""

    name: ClassVar[str] = "qdq_conv"
    summary: ClassVar[str] = "Conv [Relu|Clip(0,b)] [MaxPool], of bytes (QDQ)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """With pooling, then without it; nothing where the input is no bytes."""
        if writer(anchor.inputs[0], DEQUANTIZE) is None:
            return []
        chain = Chain(scope, anchor)
        act = chain.take(*ACTIVATIONS)
        pooled = chain.fork()
        pair = take_pair(pooled)
        pool = pooled.take("MaxPool")
        quantize = pooled.take(QUANTIZE) if pool is not None else None
        matches = []
        if quantize is not None:
            left_out = [] if pair is None else list(pair)
            matches.append(pooled.match(act=act, pool=pool, quantize=quantize, left_out=left_out))
        quantize = chain.take(QUANTIZE)
        if quantize is None:
            chain.problems.append(f"no {QUANTIZE} follows {label(chain.nodes[-1])}, which works on bytes")
        return [*matches, chain.match(act=act, quantize=quantize)]

    def layer(self, match: Match) -> ByteLayer:
        """Bytes before the pooling must have the code of the result."""
        layer = super().layer(match)
        if match.left_out:
            before = code_of_pair(match.scope, Pair(*match.left_out))
            assert match.quantize is not None
            if before != read_code(match.scope, match.quantize):
                raise Refused(f"{label(match.quantize)} has another code than the bytes before the pooling")
        return layer
