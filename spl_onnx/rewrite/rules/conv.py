"""Conv [BatchNormalization] without activation or pooling, for instance the shortcut of a residual block.

Y = X * W' + b' with the normalization folded into W' and b'. No output is known to be trivial, so all of them
are computed and only zero inputs are skipped: SRMM without a selection and without clipping. Beside that gain
the layer stays in a chain of channels-last sites, which would else need Transposes around it.
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


class Conv(ConvRule):
    """Convolution whose values are read as they are."""

    name: ClassVar[str] = "conv"
    summary: ClassVar[str] = "Conv [BatchNormalization] without activation"
    predicts: ClassVar[bool] = False

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv and affine nodes; without these where the value between them is needed elsewhere."""
        chain, bare = Chain(scope, anchor), Chain(scope, anchor)
        affine = take_affine(chain)
        if chain.fork().take(*ACTIVATIONS, "MaxPool") is not None:
            return []
        return [chain.match(affine=affine), *([bare.match()] if affine else [])]

    def examine(self, match: Match) -> str:
        """As for every convolution; says who reads the values."""
        super().examine(match)
        readers = sorted({node.op for node in match.scope.readers(match.output)})
        return f"no activation behind it (read by {', '.join(readers) or 'the output'}), nothing to predict"
