"""What rules for quantised layers share: the parts of a match, and what a site is compared with.

The products are those of the model's own bytes and weights, summed exactly. What follows a sum is rounded to
float32 a few times, which may move a byte by one step where it lies half way between two.
"""

from __future__ import annotations

from typing import NamedTuple

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.base import ExactRule
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, ByteCode, read_code
from spl_onnx.rewrite.rules.site import Match, Refused, label

#: Opsets from which the bodies of operators on bytes can be written.
OLDEST_OPSET = 12


class Pair(NamedTuple):
    """QuantizeLinear and the DequantizeLinear behind it."""

    quantize: gs.Node
    dequantize: gs.Node


class ByteRule(ExactRule):
    """A layer between bytes. It always applies: what it replaces multiplies the same numbers."""

    def is_default(self, match: Match) -> bool:
        """Always."""
        return match.quantize is not None

    def reference(self, match: Match) -> list[gs.Node]:
        """Copies of the old nodes, without the roundings that the site leaves out.

        Returns:
            In order; the last one writes what the site writes, but for steps half way between two bytes.
        """
        return copies(match, [node for node in match.nodes if node not in match.left_out])


def require_opset(match: Match) -> None:
    """Refuse a model whose opset has no bodies for operators on bytes.

    Raises:
        Refused: It is older.
    """
    if match.scope.model.opset < OLDEST_OPSET:
        raise Refused(f"the model has opset {match.scope.model.opset}, wanted {OLDEST_OPSET} or newer")


def take_pair(chain: Chain) -> Pair | None:
    """Step over QuantizeLinear and the DequantizeLinear behind it; None where they do not follow."""
    ahead = chain.fork()
    if ahead.take(QUANTIZE) is None or ahead.take(DEQUANTIZE) is None:
        return None
    quantize, dequantize = chain.take(QUANTIZE), chain.take(DEQUANTIZE)
    assert quantize is not None and dequantize is not None
    return Pair(quantize, dequantize)


def code_of_pair(scope: Scope, pair: Pair) -> ByteCode:
    """Its code.

    Raises:
        Refused: Its two nodes differ, or `read_code` refuses.
    """
    code = read_code(scope, pair.quantize)
    if code != read_code(scope, pair.dequantize):
        raise Refused(f"{label(pair.quantize)} and {label(pair.dequantize)} have different codes")
    return code


def copies(match: Match, nodes: list[gs.Node]) -> list[gs.Node]:
    """Copies of some nodes of a match that write tensors of their own.

    Args:
        match: The match; what its nodes between those of `nodes` would do is left out.
        nodes: In order.
    """
    made: list[gs.Node] = []
    kept = {id(node) for node in nodes}
    now = {id(node.outputs[0]): node.inputs[0] for node in match.nodes if id(node) not in kept}

    def read(tensor: gs.Tensor) -> gs.Tensor:
        while id(tensor) in now:
            tensor = now[id(tensor)]
        return tensor

    for node in nodes:
        name = match.scope.model.fresh(f"{match.name}/reference/{node.op}")
        output = gs.Variable(f"{name}_output")
        inputs = [read(tensor) for tensor in node.inputs]
        made.append(gs.Node(node.op, name, dict(node.attrs), inputs, [output], node.domain))
        now[id(node.outputs[0])] = output
    return made
