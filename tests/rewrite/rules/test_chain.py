"""Walking downstream."""

from __future__ import annotations

from spl_onnx.rewrite.rules.chain import Chain, other_operand
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


def start(made: Net, *outputs: str) -> Chain:
    scope = scope_of(made, *outputs)
    return Chain(scope, node_of(scope, "c"))


def base() -> Net:
    made = Net()
    made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)
    return made


def test_take_steps_only_over_wanted_types():
    made = base()
    made.node("Relu", ["c"], "y")
    chain = start(made, "y")
    assert chain.take("MaxPool") is None
    assert chain.end.name == "c"
    assert chain.take("Clip", "Relu").op == "Relu"
    assert (chain.end.name, chain.problems) == ("y", [])


def test_idle_nodes_belong_to_the_match():
    made = base()
    made.node("Relu", [made.node("Dropout", [made.node("Identity", ["c"], "i")], "d")], "y")
    chain = start(made, "y")
    chain.take("Relu")
    assert [node.op for node in chain.match().nodes] == ["Conv", "Identity", "Dropout", "Relu"]


def test_idle_nodes_are_left_where_nothing_wanted_follows():
    made = base()
    made.node("Identity", ["c"], "i")
    made.node("Neg", ["i"], "y")
    chain = start(made, "y")
    assert chain.take("Relu") is None
    assert [node.op for node in chain.nodes] == ["Conv"]


def test_a_training_dropout_is_a_problem():
    made = base()
    made.input("training", [], 9)
    made.node("Relu", [made.node("Dropout", ["c", "", "training"], "d")], "y")
    chain = start(made, "y")
    chain.take("Relu")
    assert chain.problems == ["Dropout 'd_node' is in training mode"]


def test_a_used_mask_is_a_problem():
    made = base()
    made.node("Dropout", ["c"], ["d", "mask"])
    made.node("Relu", ["d"], "y")
    made.node("Not", ["mask"], "z")
    chain = start(made, "y", "z")
    chain.take("Relu")
    assert chain.problems == ["output 'mask' of Dropout 'd_node' is used"]


def test_a_value_that_is_only_a_parameter_is_not_followed():
    made = base()
    made.node("PRelu", ["x", "c"], "y")
    assert start(made, "y").take("PRelu") is None


def test_nodes_of_other_domains_are_not_followed():
    made = base()
    made.node("Relu", ["c"], "y")
    chain = start(made, "y")
    node_of(chain.scope, "y").domain = "mine"
    assert chain.take("Relu") is None


def test_a_fork_walks_alone():
    made = base()
    made.node("Relu", ["c"], "y")
    chain = start(made, "y")
    chain.fork().take("Relu")
    assert chain.end.name == "c"


def test_other_operand():
    made = base()
    made.node("Add", ["k", "c"], "y")
    made.random("k", 3, 1, 1)
    chain = start(made, "y")
    add = chain.take("Add")
    assert other_operand(add, chain.nodes).name == "k"
