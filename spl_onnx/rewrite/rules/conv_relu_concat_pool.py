"""Conv [BatchNormalization] Relu|Clip(0,b) Concat(channels) MaxPool, where only the MaxPool reads the Concat.

Pooling works on each channel alone, so MaxPool(Concat(a, b)) = Concat(MaxPool(a), MaxPool(b)). The pooling
moves above the Concat; every branch that is a convolution with activation becomes a pooled site, every other
branch gets an explicit MaxPool.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.affine import take_affine
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.site import Match, Refused, attributes, label


class ConvReluConcatPool(ConvRule):
    """A branch of a Concat that is pooled; the site's output is the pooled branch."""

    name: ClassVar[str] = "conv_relu_concat_pool"
    summary: ClassVar[str] = (
        "Conv [BatchNormalization] Relu|Clip(0,b) Concat MaxPool, pooling moved above the Concat"
    )

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, activation, Concat, MaxPool; the site ends with the activation."""
        branch = Chain(scope, anchor)
        affine = take_affine(branch)
        if (act := branch.take(*ACTIVATIONS)) is None:
            return []
        behind = branch.fork()
        concat = behind.take("Concat")
        pool = behind.take("MaxPool") if concat is not None else None
        if concat is None or pool is None:
            return []
        match = branch.match(
            affine=affine, act=act, concat=concat, pool=pool, behind=behind.nodes[len(branch.nodes) :]
        )
        match.problems = behind.problems
        match.site_name = f"{match.output.name}/pooled"
        return [match]

    def examine(self, match: Match) -> str:
        """As for every convolution; the Concat must join channels."""
        reason = super().examine(match)
        concat = match.concat
        assert concat is not None
        rank = len(match.scope.shape(match.anchor.inputs[1]) or ())
        axis = attributes(concat).integer("axis", 1)
        if axis not in (1, 1 - rank):
            raise Refused(f"{label(concat)} joins along axis {axis}, wanted 1 (channels)")
        return reason
