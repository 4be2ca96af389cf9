"""Conv [BatchNormalization] Add Relu|Clip(0,b) [MaxPool]: the end of a residual block.

Y = clip(X * W' + b' + R) with R the other operand of the Add. The prediction adds R too, which is exact and
cheap, so only the convolution is estimated. R must have exactly the shape of the convolution's output:
broadcasting would have to be repeated for every selected place. Where both operands are convolutions, the one
with more multiply-adds is predicted (the later one when they are equal) and the other computes R.
"""

from __future__ import annotations

from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.graph.symbolic import Shape
from spl_onnx.rewrite.rules.activation import ACTIVATIONS
from spl_onnx.rewrite.rules.affine import take_affine
from spl_onnx.rewrite.rules.chain import Chain, other_operand
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.conv_node import read_conv
from spl_onnx.rewrite.rules.site import Match, Refused, label


class ConvAddRelu(ConvRule):
    """Convolution, residual and activation, with or without pooling."""

    name: ClassVar[str] = "conv_add_relu"
    summary: ClassVar[str] = "Conv [BatchNormalization] Add Relu|Clip(0,b) [MaxPool]"

    def is_default(self, match: Match) -> bool:
        """As for other convolutions: only where it is pooled."""
        return match.pool is not None

    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Conv, affine nodes, Add, activation, and MaxPool where there is one."""
        chain = Chain(scope, anchor)
        affine = take_affine(chain)
        if (add := chain.take("Add")) is None or (act := chain.take(*ACTIVATIONS)) is None:
            return []
        parts = {"affine": affine, "add": add, "addend": other_operand(add, chain.nodes), "act": act}
        pooled = chain.fork()
        pool = pooled.take("MaxPool")
        matches = [pooled.match(pool=pool, **parts)] if pool is not None else []
        return [*matches, chain.match(**parts)]

    def examine(self, match: Match) -> str:
        """As for every convolution; the residual must have the same shape and no better claim."""
        super().examine(match)
        add, addend, scope = match.add, match.addend, match.scope
        assert add is not None and addend is not None
        own = next(tensor for tensor in add.inputs if tensor is not addend)
        check_one_shape(scope, add, own, addend)
        rival = self._rival(scope, addend, add)
        if rival is None:
            return f"residual is '{addend.name}'"
        if _claim(scope, rival) > _claim(scope, match.anchor):
            raise Refused(
                f"of the two convolutions that {label(add)} sums, {label(rival)} "
                f"{'is predicted' if self.predicts else 'takes the sum'} (more work or later)"
            )
        return f"residual is '{addend.name}', computed by {label(rival)} (less work or earlier)"

    def _rival(self, scope: Scope, addend: gs.Tensor, add: gs.Node) -> gs.Node | None:
        """The convolution that computes the other operand, if it could be the site as well."""
        producer = _producer(addend)
        for _ in scope.order:  # a graph with a circle has no end
            if producer is None or producer.op not in ("Identity", "Dropout", "BatchNormalization"):
                break
            producer = _producer(producer.inputs[0]) if producer.inputs else None
        if producer is None or producer.op != "Conv" or id(producer) not in scope.order:
            return None
        matches = [
            match for match in self.pattern(scope, producer) if match.add is add and not match.problems
        ]
        try:
            for match in matches[-1:]:
                super().examine(match)
        except Refused:
            return None
        return producer if matches else None


def _producer(tensor: gs.Tensor) -> gs.Node | None:
    return tensor.inputs[0] if len(tensor.inputs) == 1 else None


def _claim(scope: Scope, conv: gs.Node) -> tuple[int, int]:
    """Multiply-adds per output, then place in the graph."""
    work = 1
    for dim in read_conv(scope, conv).w_shape[1:]:
        work *= dim
    return work, scope.order[id(conv)]


def check_one_shape(scope: Scope, add: gs.Node, own: gs.Tensor, addend: gs.Tensor) -> None:
    """Refuse a residual that is not known to have the shape of what it is added to.

    Raises:
        Refused: It is not.
    """
    mine, other = scope.shape(own), scope.shape(addend)
    if mine is not None and mine == other and None not in mine:
        return
    raise Refused(
        f"operands of {label(add)} are not known to have one shape: '{own.name}' {_text(mine)}, "
        f"'{addend.name}' {_text(other)}"
    )


def _text(shape: Shape | None) -> str:
    return (
        "[unknown]"
        if shape is None
        else "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"
    )
