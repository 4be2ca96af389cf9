"""DequantizeLinear MaxPool QuantizeLinear with one code: the largest byte is that of the largest value."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
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
    summary: ClassVar[str] = "DequantizeLinear MaxPool QuantizeLinear"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """MaxPool and QuantizeLinear; nothing where other values are pooled."""
        if writer(anchor.inputs[0], DEQUANTIZE) is None:
            return []
        chain = Chain(scope, anchor)
        quantize = chain.take(QUANTIZE)
        return [] if quantize is None else [chain.match(pool=anchor, quantize=quantize)]

    def examine(self, match: Match) -> str:
        """Window, rank and codes."""
        require_opset(match)
        read_pool(match.scope, match.anchor, 2)
        if (rank := match.scope.rank(match.anchor.inputs[0])) != 4:
            raise Refused(f"input of {label(match.anchor)} has rank {rank or 'unknown'}, wanted 4")
        assert match.quantize is not None
        _, code = bytes_behind(match.scope, match.anchor.inputs[0])
        if code != read_code(match.scope, match.quantize):
            raise Refused(f"bytes before and behind {label(match.anchor)} have different codes")
        return ""

    def replacement(self, match: Match, inputs: list[gs.Tensor]) -> list[gs.Node]:
        """Transpose, QChannelsLastMaxPool, Transpose."""

        def fresh(part: str) -> str:
            return match.scope.model.fresh(f"{match.name}/{part}")

        x, _ = bytes_behind(match.scope, match.anchor.inputs[0])
        image, y = gs.Variable(fresh("nhwc")), gs.Variable(fresh("Y"), np.dtype(np.uint8), [None] * 4)
        attrs = pool_attributes(read_pool(match.scope, match.anchor, 2))
        return [
            gs.Node("Transpose", fresh("to_nhwc"), {"perm": list(TO_NHWC)}, [x], [image]),
            gs.Node(Q_MAX_POOL, fresh("max_pool"), attrs, [image], [y], DOMAIN_CONV),
            gs.Node("Transpose", fresh("to_nchw"), {"perm": list(TO_NCHW)}, [y], [match.output]),
        ]
