"""Which nodes move to channels-last images."""

from __future__ import annotations

import numpy as np
import onnx

from spl_onnx.spec.attributes import GLOBAL_AVERAGE
from tests.rewrite.builders import Net, assert_same, images, ops, rewritten


def net(shape: list[int | str | None] | None = None) -> Net:
    """A site `a` of 3 channels that reads `x`."""
    made = Net()
    made.input("x", shape or ["N", 3, 6, 7])
    made.node("Relu", [made.conv("x", "c", 3, 3, pads=[1, 1, 1, 1])], "a")
    return made


def last(made: Net, x: str, name: str = "y") -> str:
    """A site behind `x`."""
    return made.node("Relu", [made.conv(x, f"{name}.c", 3, 3)], name)


def transposes(model: onnx.ModelProto, feeds: dict[str, np.ndarray] | None = None) -> int:
    result = rewritten(model, lossless=True)
    assert_same(model, result, feeds or {"x": images(2, 3, 6, 7)})
    assert result.model.graph.output == model.graph.output
    return ops(result.model).count("Transpose")


def test_a_chain_of_nodes_between_sites():
    made = net(["N", 3, "H", "W"])
    made.node("Sigmoid", ["a"], "s")
    made.node("Add", ["s", "a"], "t")
    made.node("Concat", ["t", "s"], "u", axis=1)
    bounds = [made.const(f"k{i}", np.array([i])) for i in (2, 5, 1)]
    made.node("Slice", ["u", *bounds], "v")
    assert transposes(made.model(last(made, "v"))) == 2


def test_a_node_whose_value_leaves_the_graph_stays_as_it_is():
    made = net()
    made.node("Sigmoid", ["a"], "s")
    result = rewritten(made.model("s"), lossless=True)
    assert [n.output[0] for n in result.model.graph.node if n.op_type == "Sigmoid"] == ["s"]
    made = net()
    made.node("Sigmoid", ["a"], "s")
    assert transposes(made.model(last(made, "s"), "s")) == 3, "x in; s and y out"


def test_without_a_gain_nothing_moves():
    """One Transpose before or behind the node: the network's own layout wins."""
    made = Net()
    made.node("Neg", [made.node("Sigmoid", [made.input("x", [1, 3, 6, 7])], "s")], "n")
    model = made.model(last(made, "n"))
    result = rewritten(model, lossless=True)
    nodes = {node.op_type: node for node in result.model.graph.node}
    assert nodes["Sigmoid"].output[0] == "s" and nodes["Neg"].output[0] == "n"


def test_the_smaller_tensor_is_transposed():
    """Both ways one Transpose: of the large image before the reduction, or of one number per channel."""
    made = net()
    made.node("Neg", [made.node("GlobalAveragePool", ["a"], "g")], "n")
    made.node("DepthToSpace", ["n"], "y", blocksize=1)
    result = rewritten(made.model("y"), lossless=True)
    order = [node.op_type for node in result.model.graph.node]
    assert order == ["Transpose", "SRMM", GLOBAL_AVERAGE, "Transpose", "Neg", "DepthToSpace"]


def test_a_sum_with_a_layer_that_is_no_site():
    """One Transpose of the other addend instead of two around the sum."""
    made = net()
    other = made.node("DepthToSpace", ["x"], "d", blocksize=1)
    made.node("Add", ["a", other], "s")
    made.node("Sigmoid", ["s"], "t")
    model = made.model(last(made, "t"))
    assert transposes(model) == 3, "x in, d, y out"


def test_a_value_that_an_inner_graph_reads():
    made = net()
    made.node("Sigmoid", ["a"], "s")
    inner, other = Net(), Net()
    inner.node("Neg", ["s"], "t")
    other.node("Exp", ["s"], "e")
    cond = made.input("cond", [], 9)
    made.node("If", [cond], "z", then_branch=inner.graph("t"), else_branch=other.graph("e"))
    model = made.model(last(made, "s"), "z")
    for value in (True, False):
        assert transposes(model, {"x": images(2, 3, 6, 7), "cond": np.array(value)}) == 3


def test_inside_an_inner_graph():
    made = net()
    made.node("Sigmoid", ["a"], "s")
    model = made.in_if(last(made, "s"))
    result = rewritten(model, lossless=True)
    body = next(a.g for a in result.model.graph.node[0].attribute if a.name == "then_branch")
    assert ops(body) == ["SRMM", "SRMM", "Sigmoid", "Transpose", "Transpose"]
    assert_same(model, result, {"x": images(2, 3, 6, 7), "cond": np.array(True)})


def test_an_unknown_rank_stays_as_it_is():
    made = net()
    made.node("Reshape", ["a", made.input("shape", ["R"], onnx.TensorProto.INT64)], "f")
    made.node("Sigmoid", ["f"], "s")
    made.node("Relu", [made.conv("s", "yc", 3, 3)], "y")
    model = made.model("y")
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", 1, ["N", 3, "H", "W"]))
    result = rewritten(model, lossless=True, no_verify=True)
    assert_same(model, result, {"x": images(2, 3, 6, 7), "shape": np.array([2, 3, 7, 6])})
    assert ops(result.model).count("Transpose") == 4


def test_transposes_of_the_model_cancel_through_nodes():
    made = Net()
    made.node("Transpose", [made.input("x", ["N", "H", "W", 3])], "t", perm=[0, 3, 1, 2])
    made.node("Relu", [made.conv(made.node("Tanh", ["t"], "h"), "c", 4, 3)], "r")
    made.node("Transpose", [made.node("Sigmoid", ["r"], "s")], "u", perm=[0, 2, 3, 1])
    made.node("Neg", ["u"], "y")
    assert transposes(made.model("y"), {"x": images(2, 6, 7, 3)}) == 0


def test_a_model_without_sites_is_left_alone():
    made = Net()
    made.node("Transpose", [made.input("x", ["N", 6, 7, 3])], "t", perm=[0, 3, 1, 2])
    made.node("Transpose", [made.node("Sigmoid", ["t"], "s")], "y", perm=[0, 2, 3, 1])
    assert transposes(made.model("y"), {"x": images(2, 6, 7, 3)}) == 2


def test_old_constants_go_with_their_last_reader():
    made = net()
    made.node("Mul", ["a", made.random("k", 3, 1, 1)], "m")
    made.node("Add", ["m", made.random("j", 3, 1, 1)], "n")
    made.node("Sub", ["n", "j"], "z")
    model = made.model(last(made, "n"), "z")
    names = {tensor.name for tensor in rewritten(model, lossless=True).model.graph.initializer}
    assert "k" not in names and "m/constant" in names


def test_what_moved_is_said_in_one_sentence():
    made = net()
    made.node("MaxPool", [made.node("Sigmoid", ["a"], "s")], "m", kernel_shape=[2, 2])
    notes = rewritten(made.model(last(made, "m")), lossless=True).report["notes"]
    assert notes == [
        "2 operators between sites on channels-last images; 1 of them pooling with operators of ai.spl.conv"
    ]
    assert rewritten(net().model("a")).report["notes"] == []


def test_pooling_of_another_type_or_at_the_edge_stays():
    """The auxiliary operator is float32 only, and it comes only where it saves Transposes."""
    made = net()
    made.node("Cast", ["a"], "d", to=onnx.TensorProto.DOUBLE)
    made.node("MaxPool", ["d"], "m", kernel_shape=[2, 2])
    made.node("Cast", ["m"], "f", to=onnx.TensorProto.FLOAT)
    result = rewritten(made.model(last(made, "f")), lossless=True)
    assert "MaxPool" in ops(result.model)
    made = Net()
    made.node("MaxPool", [made.input("x", [1, 3, 6, 7])], "m", kernel_shape=[2, 2], pads=[1, 1, 0, 0])
    result = rewritten(made.model(last(made, "m")), lossless=True)
    assert "MaxPool" in ops(result.model)


def test_behind_pooled_branches():
    """The pooling moves above the Concat, whose inputs are new tensors then."""
    made = net()
    made.node("Relu", [made.conv("a", "b", 3, 3, pads=[1, 1, 1, 1])], "rb")
    made.node("Relu", [made.conv("a", "d", 3, 3, pads=[1, 1, 1, 1])], "rd")
    made.node("Concat", ["rb", "rd"], "both", axis=1)
    made.node("MaxPool", ["both"], "p", kernel_shape=[2, 2])
    made.node("Relu", [made.conv("p", "yc", 3, 6)], "y")
    model = made.model("y")
    assert rewritten(model, lossless=True).plan.counts()["conv_relu_concat_pool"] == 2
    assert transposes(model) == 2
