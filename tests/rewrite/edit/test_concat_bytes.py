"""A Concat of bytes instead of one of floats."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.edit.concat_bytes import join_bytes
from spl_onnx.rewrite.rules.quantised.conv_concat import ByteConvConcat
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.quantised.test_conv_concat import branches


def test_branches_that_are_no_sites_are_rounded_once():
    made = branches(plain=True)
    next(node for node in made.nodes if node.op_type == "Concat").input.append("x.d")
    scope = scope_of(made, "cat.d")
    old, output = node_of(scope, "cat"), node_of(scope, "cat.q").outputs[0]
    (match,) = ByteConvConcat().pattern(scope, node_of(scope, "a"))
    a, b = gs.Variable("a/bytes"), gs.Variable("b/bytes")
    quantize, concat = join_bytes(match, {"a.d": a, "b.d": b})
    assert (quantize.op, quantize.inputs[0].name, quantize.inputs[1].name) == (
        *("QuantizeLinear", "x.d", "cat.code.scale"),
    )
    rounded = quantize.outputs[0]
    assert [tensor.name for tensor in concat.inputs] == [t.name for t in (a, rounded, b, rounded)]
    assert concat.outputs[0] is output and concat.attrs == {"axis": 1}
    assert not old.inputs and not old.outputs
    assert scope.rank(a) == scope.rank(rounded) == 4, "the new tensors may move to the other layout"
