"""DequantizeLinear Conv Add [Relu|Clip(0,b)] QuantizeLinear, where the other operand of the Add is bytes.

The sum is that of the residual's bytes and of the products as they are: what the model rounds them to before
the Add, if it does, is left out. So the result is the nearer one to the layer's exact value. Bytes before the
Add that begin or end at 0 may stand for an activation, and are not left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.chain import Chain, other_operand
from spl_onnx.rewrite.rules.conv_add_relu import check_one_shape
from spl_onnx.rewrite.rules.quantised.byte_rule import Pair, code_of_pair, take_pair
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, bytes_behind, writer
from spl_onnx.rewrite.rules.quantised.conv_base import ByteConvRule
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.site import Match, Refused, label


class ByteConvAdd(ByteConvRule):
    """Convolution of bytes and residual: the end of a residual block."""

    name: ClassVar[str] = "qdq_conv_add"
    summary: ClassVar[str] = "Conv Add [Relu|Clip(0,b)], of bytes (QDQ)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, bytes, Add, activation, bytes; nothing where the input is no bytes."""
        if writer(anchor.inputs[0], DEQUANTIZE) is None:
            return []
        chain = Chain(scope, anchor)
        pair = take_pair(chain)
        add = chain.take("Add")
        if add is None:
            return []
        addend = other_operand(add, chain.nodes)
        act = chain.take(*ACTIVATIONS)
        quantize = chain.take(QUANTIZE)
        if quantize is None:
            return []
        left_out = [] if pair is None else list(pair)
        return [chain.match(add=add, addend=addend, act=act, quantize=quantize, left_out=left_out)]

    def layer(self, match: Match) -> ByteLayer:
        """With the residual, which must have the shape of the convolution's output."""
        scope, add, addend = match.scope, match.add, match.addend
        assert add is not None and addend is not None
        own = next((tensor for tensor in add.inputs if tensor is not addend), addend)
        r, rcode = bytes_behind(scope, addend)
        check_one_shape(scope, add, own, addend)
        if match.left_out:
            pair = Pair(*match.left_out)
            if code_of_pair(scope, pair).zero_point in (0, 255):
                raise Refused(f"bytes of {label(pair.quantize)} have one sign, which may be an activation")
        return replace(super().layer(match), r=r, rcode=rcode)
