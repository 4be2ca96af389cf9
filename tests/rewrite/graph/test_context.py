"""Constants, readers, outputs and names."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest
from onnx import helper

from spl_onnx.errors import RuleError
from spl_onnx.rewrite.graph.context import ModelContext
from tests.rewrite.builders import Net


def context(made: Net, *outputs: str) -> ModelContext:
    return ModelContext(made.model(*outputs))


def tensor(model: ModelContext, name: str):
    found = {t.name: t for scope in model.scopes for t in scope.graph.tensors().values()}
    return found[name]


def test_constants():
    made = Net()
    made.const("initializer", np.float32([1]))
    made.const("both", np.float32([2]))
    made.input("both", [1])
    made.input("given", [1])
    made.node("Constant", [], "floats", value_floats=[1.0, 2.0])
    made.node("Constant", [], "words", value_string="text")
    made.node("Identity", ["initializer"], "same")
    made.node("Neg", ["initializer"], "computed")
    made.node("Sum", ["initializer", "both", "given", "floats", "same", "computed"], "y")
    model = context(made, "y", "words")
    known = {name: model.scopes[0].constant(tensor(model, name)) for name in made.nodes[-1].input}
    assert known["initializer"] == known["same"] == 1
    assert list(known["floats"]) == [1.0, 2.0]
    assert known["both"] is known["given"] is known["computed"] is None
    assert model.scopes[0].constant(tensor(model, "words")) is None


@pytest.mark.parametrize("nodes", [0, 1, 2])
def test_of_two_constants_of_one_name_none_is_relied_on(nodes):
    """Of initializers ONNX Runtime 1.17 takes the last, 1.23 the first."""
    made = Net()
    for number in range(2):
        if number < nodes:
            made.node("Constant", [], "w", value_floats=[float(number)])
        else:
            made.const("w", np.float32([number]))
    made.node("Add", [made.input("x", [1]), "w"], "y")
    model = context(made, "y")
    assert model.scopes[0].constant(tensor(model, "w")) is None


@pytest.mark.parametrize(("ir_version", "constant"), [(3, True), (4, False)])
def test_initializers_that_are_inputs(ir_version, constant):
    made = Net(9, ir_version)
    made.const("w", np.float32([2]))
    made.node("Add", [made.input("x", [1]), made.input("w", [1])], "y")
    model = context(made, "y")
    assert (model.scopes[0].constant(tensor(model, "w")) is not None) == constant


def nested() -> ModelContext:
    made = Net()
    made.input("x", [2, 3])
    made.const("w", np.float32([2]))
    made.node("Neg", ["x"], "n")
    made.node("Abs", ["x"], "a")
    inner, other = Net(), Net()
    inner.node("Mul", ["n", "w"], "t")
    graph = helper.make_graph([], "else", [], [helper.make_tensor_value_info("a", 1, None)])
    other.node("Neg", ["x"], "t")
    cond = made.const("cond", np.array(True))
    made.node("If", [cond], "y", then_branch=inner.graph("t"), else_branch=graph)
    made.node("If", [cond], "z", then_branch=inner.graph("t"), else_branch=other.graph("t"))
    graph = made.graph("y", "z", "n")
    return ModelContext(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def test_inner_graphs():
    model = nested()
    scopes = {scope.path: scope for scope in model.scopes}
    assert set(scopes) == {
        "",
        "y_node#2/then_branch",
        "y_node#2/else_branch",
        "z_node#3/then_branch",
        "z_node#3/else_branch",
    }
    outer, inner = scopes[""], scopes["y_node#2/then_branch"]
    w, n, a = (tensor(model, name) for name in "wna")
    assert inner.constant(w) == 2
    assert [node.op for node in outer.readers(n)] == ["Mul", "Mul"]
    assert inner.shape(n) == (2, 3)
    assert inner.rank(tensor(model, "w")) == 1
    assert outer.is_output(n)
    assert outer.is_output(a), "a branch passes it out"
    assert not outer.is_output(w)


def test_repeated_names_are_qualified():
    model = nested()
    scopes = {scope.path: scope for scope in model.scopes}
    inner = scopes["z_node#3/else_branch"]
    assert inner.qualified("t") == "z_node#3/else_branch/t"
    assert inner.qualified("t/pooled") == "z_node#3/else_branch/t/pooled"
    assert inner.qualified("u") == "u"
    assert scopes[""].qualified("t") == "t"


def test_fresh_names():
    model = nested()
    assert [model.fresh(name) for name in ("new", "new", "n", "t", "y_node")] == [
        "new",
        "new_2",
        "n_2",
        "t_2",
        "y_node_2",
    ]


def test_order_is_that_of_the_graph():
    model = nested()
    scope = model.scopes[0]
    assert [scope.order[id(node)] for node in scope.graph.nodes] == [0, 1, 2, 3]


def test_the_model_is_not_changed():
    made = Net()
    made.conv(made.input("x", [1, 2, 5, 5]), "y", 3, 2)
    model = made.model("y")
    before = onnx.ModelProto.FromString(model.SerializeToString())
    changed = ModelContext(model)
    changed.graph.nodes.clear()
    assert model == before


def test_no_size_below_zero_is_announced():
    made = Net()
    made.node("Relu", [made.input("x", ["N", 3])], "y")
    scope = ModelContext(made.model("y")).scopes[0]
    tensor = gs.Variable("new")
    scope.announce(tensor, ("N", 0, None, 3))
    assert scope.shape(tensor) == ("N", 0, None, 3)
    with pytest.raises(RuleError, match=r"tensor 'new' would get the shape \['N', -1\]"):
        scope.announce(tensor, ("N", -1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("value", "INT"), ("value_ints", "FLOATS"), ("value_float", "STRING"), ("value_int", "UNDEFINED")],
)
def test_constants_of_another_type_are_none(name, kind):
    made = Net()
    made.node("Add", [made.input("x", [2]), "k"], "y")
    constant = onnx.helper.make_node("Constant", [], ["k"])
    constant.attribute.add(name=name, type=getattr(onnx.AttributeProto, kind))
    made.nodes.insert(0, constant)
    scope = ModelContext(made.broken("y")).scopes[0]
    assert scope.constant(scope.graph.nodes[1].inputs[1]) is None


def test_copies_in_a_circle_are_no_constant():
    made = Net()
    for x, y in (("b", "a"), ("a", "b")):
        made.node("Identity", [x], y)
    scope = ModelContext(made.broken("a")).scopes[0]
    assert scope.constant(scope.graph.nodes[0].outputs[0]) is None
