"""Conv [BatchNormalization] Relu|Clip(0,b) MaxPool, or with the activation behind the MaxPool.

Clipping is monotone, so max(clip(x)) = clip(max(x)): both orders are the same function. Of each window only
the value at the place with the highest score is computed, and none at all where no score is above 0.
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


class ConvReluPool(ConvRule):
    """Convolution, activation and pooling, the last two in either order."""

    name: ClassVar[str] = "conv_relu_pool"
    summary: ClassVar[str] = "Conv [BatchNormalization] Relu|Clip(0,b) MaxPool, or MaxPool Relu|Clip(0,b)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, then activation and MaxPool or MaxPool and activation."""
        chain = Chain(scope, anchor)
        affine = take_affine(chain)
        matches = []
        first = chain.fork()
        if (act := first.take(*ACTIVATIONS)) is not None and (pool := first.take("MaxPool")) is not None:
            matches.append(first.match(affine=affine, act=act, pool=pool))
        second = chain.fork()
        if (pool := second.take("MaxPool")) is not None and (act := second.take(*ACTIVATIONS)) is not None:
            matches.append(second.match(affine=affine, act=act, pool=pool))
        return matches
