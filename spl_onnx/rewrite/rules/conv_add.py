"""Conv [BatchNormalization] Add without activation: the end of a block whose sum is read as it is.

Y = X * W' + b' + R with R the other operand of the Add, of the same shape. As in `conv`, no output is known
to be trivial, so all of them are computed. The sum needs no pass of its own, and is bytes where layers are in
8 bits.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.affine import take_affine
from spl_onnx.rewrite.rules.chain import Chain, other_operand
from spl_onnx.rewrite.rules.conv_add_relu import ConvAddRelu
from spl_onnx.rewrite.rules.site import Match


class ConvAdd(ConvAddRelu):
    """Convolution and residual."""

    name: ClassVar[str] = "conv_add"
    summary: ClassVar[str] = "Conv [BatchNormalization] Add without activation"
    predicts: ClassVar[bool] = False

    def is_default(self, match: Match) -> bool:
        """Nothing is predicted."""
        return False

    def is_lossless(self, match: Match) -> bool:
        """Without data its neighbours stay as they are, and the residual would need a Transpose."""
        return False

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, Add."""
        chain = Chain(scope, anchor)
        affine = take_affine(chain)
        if (add := chain.take("Add")) is None or chain.fork().take(*ACTIVATIONS) is not None:
            return []
        return [chain.match(affine=affine, add=add, addend=other_operand(add, chain.nodes))]
