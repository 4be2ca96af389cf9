"""LRN, the local response normalisation of AlexNet and GoogLeNet.

y = x / (bias + alpha / size * sum of squares of neighbouring channels)^beta mixes channels only, so it is the
same function in either layout: Transpose, LRN of channels-last images, Transpose. With channels last the
neighbours lie side by side, which is many times as fast, and a site before or behind it needs no Transpose.
"""

from __future__ import annotations

from typing import ClassVar

import onnx
import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.channels_last import TO_NCHW, TO_NHWC, give_rank
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.base import ExactRule
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, writer
from spl_onnx.rewrite.rules.site import Match, Refused, attributes, label
from spl_onnx.spec.attributes import DOMAIN_CONV, LRN, ResponseNorm, lrn_attributes


class LocalResponseNorm(ExactRule):
    """LRN of images."""

    name: ClassVar[str] = "lrn"
    anchors: ClassVar[frozenset[str]] = frozenset(("LRN",))
    summary: ClassVar[str] = "LRN"

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """The node alone."""
        return [Match(scope, anchor, anchor.outputs[0], [anchor])]

    def examine(self, match: Match) -> str:
        """Read the attributes; rank and type must be known, since weights do not tell them."""
        node = match.anchor
        x = node.inputs[0]
        _read(node)
        rank, kind = match.scope.rank(x), match.scope.element_type(x)
        if rank != 4:
            raise Refused(f"input of {label(node)} has {_or_unknown('rank', rank)}, wanted 4")
        if kind != onnx.TensorProto.FLOAT:
            found = None if kind is None else onnx.TensorProto.DataType.Name(kind)
            raise Refused(f"input of {label(node)} has {_or_unknown('type', found)}, wanted FLOAT")
        return ""

    def is_default(self, match: Match) -> bool:
        """Between layers of bytes, which are always converted."""
        return writer(match.anchor.inputs[0], DEQUANTIZE) is not None

    def replacement(self, match: Match, inputs: list[gs.Tensor]) -> list[gs.Node]:
        """Transpose, ChannelsLastLRN, Transpose."""

        def fresh(part: str) -> str:
            return match.scope.model.fresh(f"{match.name}/{part}")

        x, y = gs.Variable(fresh("nhwc")), gs.Variable(fresh("Y"))
        give_rank(y, 4)
        attrs = lrn_attributes(_read(match.anchor))
        return [
            gs.Node("Transpose", fresh("to_nhwc"), {"perm": list(TO_NHWC)}, inputs, [x]),
            gs.Node(LRN, fresh("lrn"), attrs, [x], [y], DOMAIN_CONV),
            gs.Node("Transpose", fresh("to_nchw"), {"perm": list(TO_NCHW)}, [y], [match.output]),
        ]


def _read(node: gs.Node) -> ResponseNorm:
    given, usual = attributes(node), ResponseNorm(1)
    size = given.integer("size", least=1)
    others = (given.number(name, getattr(usual, name)) for name in ("alpha", "beta", "bias"))
    try:
        return ResponseNorm(size, *others)
    except ModelError as error:
        raise Refused(f"{label(node)}: {error}") from error


def _or_unknown(what: str, value: object) -> str:
    return f"a {what} that is not known" if value is None else f"{what} {value}"
