"""What rules for quantised layers share."""

from __future__ import annotations

from itertools import pairwise

import pytest

from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.quantised.byte_rule import Pair, code_of_pair, copies, take_pair
from spl_onnx.rewrite.rules.quantised.conv import ByteConv
from spl_onnx.rewrite.rules.site import Refused
from tests.rewrite.builders import reason
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.quantised.layers import SIGNED, ByteNet, chain


def test_a_pair_is_both_nodes():
    scope = scope_of(chain(), "c.d")
    walk = Chain(scope, node_of(scope, "c"))
    pair = take_pair(walk)
    assert pair is not None and (pair.quantize, pair.dequantize) == tuple(walk.nodes[1:])
    assert (walk.end.name, walk.problems) == ("c.d", [])
    assert code_of_pair(scope, pair).zero_point == SIGNED[1]


def test_half_a_pair_is_none_and_nothing_is_walked():
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", [1, 4, 9, 8])), "c", 8, 4)
    made.node("QuantizeLinear", ["c", *made.code("half", SIGNED)], "q")
    made.node("Cast", ["q"], "y", to=1)
    scope = scope_of(made, "y")
    walk = Chain(scope, node_of(scope, "c"))
    assert take_pair(walk) is None
    assert len(walk.nodes) == 1


def test_a_pair_of_two_codes():
    made = ByteNet()
    made.node("QuantizeLinear", [made.input("x", [2]), *made.code("a", (0.1, 3))], "q")
    made.node("DequantizeLinear", ["q", *made.code("b", (0.1, 4))], "d")
    scope = scope_of(made, "d")
    with pytest.raises(Refused, match="different codes"):
        code_of_pair(scope, Pair(node_of(scope, "q"), node_of(scope, "d")))


def test_copies_step_over_what_is_left_out():
    made = chain()
    made.node("MaxPool", ["c.d"], "p", kernel_shape=[2, 2])
    made.bytes("p")
    scope = scope_of(made, "p.d")
    match = ByteConv().pattern(scope, node_of(scope, "c"))[0]
    assert [node.op for node in match.nodes] == [
        "Conv",
        "QuantizeLinear",
        "DequantizeLinear",
        "MaxPool",
        "QuantizeLinear",
    ]
    made_nodes = ByteConv().reference(match)
    assert [node.op for node in made_nodes] == ["Conv", "MaxPool", "QuantizeLinear"]
    assert all(b.inputs[0] is a.outputs[0] for a, b in pairwise(made_nodes))
    assert made_nodes[0].inputs[0].name == "x.d"
    old = {tensor.name for node in match.nodes for tensor in node.outputs}
    assert old.isdisjoint(tensor.name for node in copies(match, match.nodes) for tensor in node.outputs)


def test_old_opsets():
    made = chain()
    for constant in made.nodes:
        del constant.attribute[:]  # DequantizeLinear has no axis yet
    made.opset = 11
    assert "opset 11, wanted 12 or newer" in reason(made.broken("c.d"), rules="default")
