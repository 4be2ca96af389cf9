"""Conv [BatchNormalization] MaxPool without activation.

Y = max over the window of X * W' + b'. Every window has an output, so the place with the highest score is
always computed (select_all) and the others never are.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.affine import take_affine
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.site import Match


class ConvPool(ConvRule):
    """Convolution and pooling; `conv_relu_pool` comes first where an activation is near."""

    name: ClassVar[str] = "conv_pool"
    summary: ClassVar[str] = "Conv [BatchNormalization] MaxPool"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, MaxPool."""
        chain = Chain(scope, anchor)
        affine = take_affine(chain)
        pool = chain.take("MaxPool")
        return [chain.match(affine=affine, pool=pool)] if pool is not None else []
