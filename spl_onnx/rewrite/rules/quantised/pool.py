"""MaxPool QuantizeLinear: the largest byte is that of the largest value, so rounding may come first.

Where bytes of the same code are pooled nothing is left to round; where floats are, they become bytes before.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.channels_last import TO_NCHW, TO_NHWC
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.pool import read_pool
from spl_onnx.rewrite.rules.quantised.byte_rule import ByteRule, require_opset
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, bytes_behind, read_code, writer
from spl_onnx.rewrite.rules.site import Match, Refused, label
from spl_onnx.spec.attributes import DOMAIN_CONV, Q_MAX_POOL, pool_attributes


class BytePool(ByteRule):
    """Pooling of bytes."""

    name: ClassVar[str] = "qdq_pool"
    anchors: ClassVar[frozenset[str]] = frozenset(("MaxPool",))
    summary: ClassVar[str] = "MaxPool, of bytes (QDQ)"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """MaxPool and QuantizeLinear; nothing where no bytes are made of the pooled values."""
        chain = Chain(scope, anchor)
        quantize = chain.take(QUANTIZE)
        chain.check_side_outputs(anchor)
        return [] if quantize is None else [chain.match(pool=anchor, quantize=quantize)]

    def examine(self, match: Match) -> str:
        """Window, rank and codes."""
        require_opset(match)
        read_pool(match.scope, match.anchor, 2)
        if (rank := match.scope.rank(match.anchor.inputs[0])) != 4:
            raise Refused(f"input of {label(match.anchor)} has rank {rank or 'unknown'}, wanted 4")
        self._bytes(match)
        return ""

    def replacement(self, match: Match, inputs: list[gs.Tensor]) -> list[gs.Node]:
        """[QuantizeLinear] Transpose, QChannelsLastMaxPool, Transpose."""

        def fresh(part: str) -> str:
            return match.scope.model.fresh(f"{match.name}/{part}")

        x, quantize = self._bytes(match), match.quantize
        assert quantize is not None
        nodes = []
        if x is None:
            x = gs.Variable(fresh("bytes"))
            sources = [inputs[0], *quantize.inputs[1:]]
            nodes.append(gs.Node(QUANTIZE, fresh("quantize"), dict(quantize.attrs), sources, [x]))
            if (shape := match.scope.shape(inputs[0])) is not None:
                match.scope.announce(x, shape)
        image, y = gs.Variable(fresh("nhwc")), gs.Variable(fresh("Y"), np.dtype(np.uint8), [None] * 4)
        attrs = pool_attributes(read_pool(match.scope, match.anchor, 2))
        return [
            *nodes,
            gs.Node("Transpose", fresh("to_nhwc"), {"perm": list(TO_NHWC)}, [x], [image]),
            gs.Node(Q_MAX_POOL, fresh("max_pool"), attrs, [image], [y], DOMAIN_CONV),
            gs.Node("Transpose", fresh("to_nchw"), {"perm": list(TO_NCHW)}, [y], [match.output]),
        ]

    @staticmethod
    def _bytes(match: Match) -> gs.Tensor | None:
        """The bytes that are pooled; None where floats are.

        Raises:
            Refused: They have another code than the result.
        """
        scope, x, quantize = match.scope, match.anchor.inputs[0], match.quantize
        assert quantize is not None
        code = read_code(scope, quantize)
        if writer(x, DEQUANTIZE) is None:
            if scope.element_type(x) != onnx.TensorProto.FLOAT:
                raise Refused(f"input of {label(match.anchor)} is not known to be float32")
            return None
        taken, before = bytes_behind(scope, x)
        if code != before:
            raise Refused(f"bytes before and behind {label(match.anchor)} have different codes")
        return taken
