"""What rules for quantised convolutions share.

With X = (x - xz) * xs and W = w * ws, X * W = (sum of x * w - xz * sum of w) * xs * ws, where the sums are
whole numbers: those of the model's own bytes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.rules.activation import read_activation
from spl_onnx.rewrite.rules.conv_node import conv_shape, sees_one_channel
from spl_onnx.rewrite.rules.pool import read_pool
from spl_onnx.rewrite.rules.quantised.codes import bytes_behind, read_code
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.quantised.layer_rule import ByteLayerRule
from spl_onnx.rewrite.rules.quantised.weights import ByteWeights, read_bias, read_weights, require_length
from spl_onnx.rewrite.rules.site import Match, Refused, label


class ByteConvRule(ByteLayerRule):
    """A rule whose weights are those of a Conv of bytes."""

    anchors: ClassVar[frozenset[str]] = frozenset(("Conv",))

    def layer(self, match: Match) -> ByteLayer:
        """The layer of a match.

        Raises:
            Refused: It cannot be expressed.
        """
        scope, anchor = match.scope, match.anchor
        assert match.quantize is not None
        x, xcode = bytes_behind(scope, anchor.inputs[0])
        w = read_weights(scope, anchor, 0)
        shape = conv_shape(scope, anchor, w.q.shape, sees_one_channel(anchor, w.q.shape))
        if shape.spatial != 2:
            raise Refused(f"{label(anchor)} has {shape.spatial} spatial dimension, wanted 2 for bytes")
        require_length(anchor, w)
        return ByteLayer(
            x,
            xcode,
            ByteWeights(np.ascontiguousarray(w.q.transpose(0, 2, 3, 1)), w.scale),
            read_bias(scope, anchor, w.q.shape[0]),
            read_activation(scope, match.act),
            read_code(scope, match.quantize),
            shape.geometry,
            read_pool(scope, match.pool, 2),
        )

    def replacement(self, match: Match, inputs: list[gs.Tensor]) -> list[gs.Node]:
        """Transposes and QSRMM."""
        return self.layer(match).nodes(match.scope, match.name, match.output, 4)
