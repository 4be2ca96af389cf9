"""Conv [BatchNormalization] Relu|Clip(0,b).

Y = clip(X * W' + b') with the normalization folded into W' and b'. Where the predicted X * W' + b' is not
above 0 the output is 0 whatever its exact value, so it need not be computed.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.affine import take_affine
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.site import Match


class ConvRelu(ConvRule):
    """Convolution and activation, without pooling."""

    name: ClassVar[str] = "conv_relu"
    summary: ClassVar[str] = "Conv [BatchNormalization] Relu|Clip(0,b)"

    def is_default(self, match: Match) -> bool:
        """Without data, only pooled convolutions are worth a prediction."""
        return False

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, activation."""
        chain = Chain(scope, anchor)
        affine = take_affine(chain)
        act = chain.take(*ACTIVATIONS)
        return [chain.match(affine=affine, act=act)] if act is not None else []
