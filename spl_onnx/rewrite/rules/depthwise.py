"""Conv with one channel for each group [BatchNormalization] [Relu|Clip(0,b)], as in MobileNet.

Y = clip(X * W' + b') with the normalization folded into W' and b'. An output sums as few products as the
kernel has places, so a prediction would cost what it could save: all outputs are computed. Between layers
that are sites such a layer keeps images channels last, and bytes where layers are in 8 bits.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.affine import take_affine
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.conv_node import is_depthwise
from spl_onnx.rewrite.rules.site import Match


class Depthwise(ConvRule):
    """Convolution whose outputs see one channel each."""

    name: ClassVar[str] = "depthwise"
    summary: ClassVar[str] = "Conv of one channel per group [BatchNormalization] [Relu|Clip(0,b)]"
    predicts: ClassVar[bool] = False
    depthwise: ClassVar[bool] = True

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, activation; less where a value between them is needed elsewhere."""
        if not is_depthwise(scope, anchor):
            return []
        chain, bare = Chain(scope, anchor), Chain(scope, anchor)
        affine = take_affine(chain)
        plain, act = chain.match(affine=affine), chain.take(*ACTIVATIONS)
        whole = [] if act is None else [chain.match(affine=affine, act=act)]
        return [*whole, plain, *([bare.match()] if affine else [])]

    def is_lossless(self, match: Match) -> bool:
        """Without data its neighbours stay as they are, and it would need Transposes."""
        return False

    def examine(self, match: Match) -> str:
        """As for every convolution; says why nothing is predicted."""
        super().examine(match)
        return "depthwise (one channel per group): too little work per output to predict"
