"""Names that a graph does not have yet."""

from __future__ import annotations

from spl_onnx.rewrite.graph.fresh_names import FreshNames, all_names
from tests.rewrite.builders import Net


def made() -> Net:
    net = Net()
    net.node("Relu", [net.conv(net.input("x", [1, 2, 5, 5]), "c", 3, 2)], "t")
    return net


def test_a_name_is_given_out_once():
    names = FreshNames(made().model("t").graph)
    assert [names.fresh("new") for _ in range(3)] == ["new", "new_2", "new_3"]


def test_names_of_nodes_tensors_and_inner_graphs_are_taken():
    graph = made().in_if("t").graph
    names = FreshNames(graph)
    for taken in ("x", "c", "c.w", "c_node", "choose", "y", "fallback"):
        assert taken in set(all_names(graph))
        assert names.fresh(taken) == f"{taken}_2"
