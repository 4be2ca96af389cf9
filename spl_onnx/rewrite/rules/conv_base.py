"""What all rules with a convolution share: examining the parts of a match and making the site."""

from __future__ import annotations

from typing import ClassVar

from spl_onnx.rewrite.rules.activation import read_activation
from spl_onnx.rewrite.rules.affine import affine_terms
from spl_onnx.rewrite.rules.base import LayerRule
from spl_onnx.rewrite.rules.conv_node import folded_weights, read_conv
from spl_onnx.rewrite.rules.pool import read_pool
from spl_onnx.rewrite.rules.site import Folded, Match, Site


class ConvRule(LayerRule):
    """A rule whose weights are those of a Conv.

    Class attributes:
        depthwise: Whether it takes convolutions with one channel for each group, and no others.
    """

    anchors: ClassVar[frozenset[str]] = frozenset(("Conv",))
    depthwise: ClassVar[bool] = False

    def examine(self, match: Match) -> str:
        """Read every part, so that what cannot be expressed is refused here."""
        shape = read_conv(match.scope, match.anchor, self.depthwise)
        for node in match.affine:
            affine_terms(match.scope, node, shape.w_shape[0], len(shape.w_shape))
        read_activation(match.scope, match.act)
        read_pool(match.scope, match.pool, shape.spatial)
        return ""

    def fold(self, match: Match) -> Folded:
        """Weights and bias with the affine nodes folded in."""
        return folded_weights(match.scope, match.anchor, match.affine)

    def site(self, match: Match, folded: Folded) -> Site:
        """The site of the convolution."""
        shape = read_conv(match.scope, match.anchor, self.depthwise)
        return Site(
            match,
            match.anchor.inputs[0],
            folded.w,
            folded.b,
            read_activation(match.scope, match.act),
            shape.geometry,
            read_pool(match.scope, match.pool, shape.spatial),
            match.addend,
            shape.spatial,
        )
