"""Conv [BatchNormalization] Relu|Clip(0,b) MaxPool, or with the activation behind the MaxPool.

Clipping is monotone, so max(clip(x)) = clip(max(x)): both orders are the same function. Of each window only
the value at the place with the highest score is computed, and none at all where no score is above 0.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.base import Match
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.conv_relu import take_all


class ConvReluPool(ConvRule):
    """Convolution, activation and pooling, the last two in either order."""

    name: ClassVar[str] = "conv_relu_pool"
    summary: ClassVar[str] = "Conv [BatchNormalization] Relu|Clip(0,b) MaxPool, or MaxPool Relu|Clip(0,b)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, normalizations, then activation and MaxPool or MaxPool and activation."""
        chain = Chain(scope, anchor)
        norms = take_all(chain, "BatchNormalization")
        matches = []
        first = chain.fork()
        if (act := first.take(*ACTIVATIONS)) is not None and (pool := first.take("MaxPool")) is not None:
            matches.append(first.match(norms=norms, act=act, pool=pool))
        second = chain.fork()
        if (pool := second.take("MaxPool")) is not None and (act := second.take(*ACTIVATIONS)) is not None:
            matches.append(second.match(norms=norms, act=act, pool=pool))
        return matches
