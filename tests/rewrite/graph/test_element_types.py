"""Types of tensors of all graphs."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from spl_onnx.rewrite.graph.element_types import infer_types
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import scope_of


def net() -> Net:
    made = Net()
    made.input("x", [2, 3], TensorProto.FLOAT16)
    made.const("c", np.float64([1.0]))
    made.node("Cast", [made.node("Neg", ["x"], "n")], "f", to=TensorProto.FLOAT)
    return made


def test_declared_inferred_and_constant_types():
    model = net().model("f")
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    model.graph.node.append(helper.make_node("Unheard", ["f"], ["u"], domain="example"))
    model.opset_import.append(helper.make_opsetid("example", 1))
    assert infer_types(model) == {
        ("", "x"): TensorProto.FLOAT16,
        ("", "n"): TensorProto.FLOAT16,
        ("", "f"): TensorProto.FLOAT,
        ("", "c"): TensorProto.DOUBLE,
    }


def test_inner_graphs_see_the_types_around_them():
    inner = Net()
    inner.node("Neg", ["x"], "n")
    other = Net()
    other.node("Abs", ["x"], "a")
    made = Net()
    x = made.input("x", [2], TensorProto.DOUBLE)
    cond = made.input("cond", [], TensorProto.BOOL)
    made.node("Neg", [x], "before")
    branches = [part.graph(name) for part, name in ((inner, "n"), (other, "a"))]
    for branch in branches:
        branch.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    made.node("If", [cond], "y", then_branch=branches[0], else_branch=branches[1])
    scope = scope_of(made, "before")
    then = next(inside for inside in scope.model.scopes if inside.path.endswith("then_branch"))
    (node,) = then.graph.nodes
    assert then.element_type(node.inputs[0]) == TensorProto.DOUBLE
    assert then.element_type(node.outputs[0]) == TensorProto.DOUBLE
    assert scope.element_type(node.outputs[0]) is None, "a name of an inner graph means nothing outside"
