"""DequantizeLinear Conv [Relu|Clip(0,b)] Concat QuantizeLinear: branches have the code of the whole.

The model rounds each branch to bytes of its own and those to bytes of the Concat's code. Rounding once to the
latter is nearer to the layer's exact value, and Concat only copies. What the first bytes cut off stays cut
off: the site clips there. A branch that is no site is rounded by a QuantizeLinear of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.quantised.byte_rule import Pair, code_of_pair, take_pair
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, writer
from spl_onnx.rewrite.rules.quantised.conv_base import ByteConvRule
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.site import Match, Refused, attributes, label
from spl_onnx.spec.attributes import Activation


class ByteConvConcat(ByteConvRule):
    """A branch of a Concat of bytes; the site's output is the branch in the code of the whole."""

    name: ClassVar[str] = "qdq_conv_concat"
    summary: ClassVar[str] = "Conv [Relu|Clip(0,b)] Concat, of bytes (QDQ)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, activation, bytes, Concat, bytes; the site ends before the Concat."""
        if writer(anchor.inputs[0], DEQUANTIZE) is None:
            return []
        branch = Chain(scope, anchor)
        act = branch.take(*ACTIVATIONS)
        pair = take_pair(branch)
        behind = branch.fork()
        concat = behind.take("Concat")
        quantize = behind.take(QUANTIZE) if concat is not None else None
        if pair is None or concat is None or quantize is None:
            return []
        match = branch.match(act=act, concat=concat, quantize=quantize, left_out=list(pair))
        match.behind = behind.nodes[len(branch.nodes) :]
        match.problems = behind.problems
        match.site_name = f"{match.output.name}/joined"
        return [match]

    def layer(self, match: Match) -> ByteLayer:
        """With the clipping of the bytes that are left out; the Concat must join channels."""
        concat = match.concat
        assert concat is not None
        axis = attributes(concat).integer("axis", 1)
        if axis not in (1, -3):
            raise Refused(f"{label(concat)} joins along axis {axis}, wanted 1 (channels)")
        own = code_of_pair(match.scope, Pair(*match.left_out))
        layer = super().layer(match)
        least = max(layer.activation.clip_min, own.least)
        largest = min(layer.activation.clip_max, own.largest)
        return replace(layer, activation=Activation(min(least, largest), largest))

    def reference(self, match: Match) -> list[gs.Node]:
        """The branch, clipped to its bytes, in the code of the Concat."""
        layer = self.layer(match)
        nodes = super().reference(match)
        assert match.quantize is not None
        limits = (layer.activation.clip_min, layer.activation.clip_max)
        bounds = [gs.Constant(_fresh(match, "bound"), np.array(limit, np.float32)) for limit in limits]
        clipped, y = gs.Variable(_fresh(match, "clipped")), gs.Variable(_fresh(match, "Y"))
        codes = list(match.quantize.inputs[1:])
        clip = gs.Node("Clip", _fresh(match, "clip"), {}, [nodes[-1].outputs[0], *bounds], [clipped])
        return [*nodes, clip, gs.Node(QUANTIZE, _fresh(match, "quantize"), {}, [clipped, *codes], [y])]


def _fresh(match: Match, part: str) -> str:
    return match.scope.model.fresh(f"{match.name}/reference/{part}")
