"""Models in another order than ours, as ONNX Runtime takes or refuses them."""

from __future__ import annotations

import random

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.model.tidy import tidied, tidy
from tests.rewrite.builders import TOLERANCE, Net, assert_same, images, rewritten, run

FEEDS = {"x": images(1, 3, 8, 8)}


def net() -> Net:
    """Two sites, and a tensor that goes around the second."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "a", 4, 3, pads=[1, 1, 1, 1])], "ra")
    made.node("Relu", [made.conv("ra", "b", 4, 4, pads=[1, 1, 1, 1])], "rb")
    made.node("Add", ["ra", made.node("Sigmoid", ["rb"], "s")], "sum")
    made.node("MaxPool", ["sum"], "y", kernel_shape=[2, 2])
    return made


def with_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def names(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node]


def shuffled(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    nodes = list(model.graph.node)
    random.Random(seed).shuffle(nodes)
    assert nodes != list(model.graph.node)
    return with_nodes(model, nodes)


def loads(model: onnx.ModelProto) -> bool:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:
        return False
    return True


def test_a_model_in_order_is_taken_as_it_is():
    model = net().model("y")
    assert tidied(model, "m.onnx") is model


@pytest.mark.parametrize("seed", range(6))
def test_unsorted_models_are_rewritten_like_sorted_ones(seed):
    model = net().model("y")
    mixed = shuffled(model, seed)
    before = mixed.SerializeToString()
    result = rewritten(mixed, lossless=True)
    assert mixed.SerializeToString() == before, "the caller's model is never changed"
    assert result.plan.counts() == {"conv_relu": 2}
    assert result.report["verification"]["checker"] == "passed", "what is written is sorted"
    assert_same(mixed, result, FEEDS)
    assert_same(model, result, FEEDS)


def test_what_needs_no_move_keeps_its_place():
    model = net().model("y")
    nodes = list(model.graph.node)
    mixed = with_nodes(model, [*nodes[:3], *nodes[4:], nodes[3]])
    tidy(mixed, "m.onnx")
    assert names(mixed) == names(model)
    reading_late = with_nodes(model, [nodes[1], nodes[0], *nodes[2:]])
    tidy(reading_late, "m.onnx")
    assert names(reading_late) == names(model)


def test_files_are_sorted_too(tmp_path):
    model = net().model("y")
    onnx.save(shuffled(model, 0), tmp_path / "mixed.onnx")
    read = read_model(tmp_path / "mixed.onnx").model
    onnx.checker.check_model(read, full_check=True)
    np.testing.assert_array_equal(run(read, FEEDS)[0], run(model, FEEDS)[0])


def test_inner_graphs_may_read_what_is_made_later():
    made = net()
    model = made.in_if("y")
    (chosen,) = model.graph.node
    inner = next(a.g for a in chosen.attribute if a.name == "then_branch")
    late = helper.make_node("Neg", ["x"], ["late"], name="late")
    inner.node[0].input[0] = "late"
    mixed = with_nodes(model, [chosen, late])
    feeds = {**FEEDS, "cond": np.array(True)}
    assert_same(mixed, rewritten(mixed, lossless=True), feeds)
    assert names(tidied(mixed, "m.onnx")) == ["late", chosen.name]


@pytest.mark.parametrize("order", [(9, 17), (17, 9)])
@pytest.mark.parametrize("domains", [("", ""), ("", "ai.onnx"), ("ai.onnx", "")])
def test_of_several_imports_the_last_counts(order, domains):
    """Softmax of opset 9 sums over all axes behind the first, that of 17 over one."""
    made = Net()
    made.node("Softmax", [made.input("x", [1, 3, 8, 8])], "y", axis=1)
    model = made.model("y")
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*entry) for entry in zip(domains, order, strict=True))
    total = {9: 1, 17: 64}[order[1]]
    assert run(model, FEEDS)[0].sum() == pytest.approx(total)
    tidy_model = tidied(model, "m.onnx")
    assert [entry.version for entry in tidy_model.opset_import] == [order[1]]
    assert run(tidy_model, FEEDS)[0].sum() == pytest.approx(total)


def doubled_output() -> onnx.ModelProto:
    model = net().model("y")
    model.graph.node.append(helper.make_node("Neg", ["x"], ["ra"], name="again"))
    return model


def doubled_name() -> onnx.ModelProto:
    model = net().model("y")
    model.graph.node[1].name = model.graph.node[4].name
    return model


def output_is_input() -> onnx.ModelProto:
    model = net().model("y")
    model.graph.node.append(helper.make_node("Neg", ["y"], ["x"], name="again"))
    return model


def output_is_constant() -> onnx.ModelProto:
    model = net().model("y")
    model.graph.node.append(helper.make_node("Neg", ["y"], ["a.w"], name="again"))
    return model


def inner_doubled_name() -> onnx.ModelProto:
    model = net().in_if("y")
    inner = next(a.g for a in model.graph.node[0].attribute if a.name == "then_branch")
    inner.node[1].name = inner.node[0].name
    return model


def circle() -> onnx.ModelProto:
    model = net().model("y")
    model.graph.node[0].input[0] = "rb"
    return model


def circle_of_one() -> onnx.ModelProto:
    model = net().model("y")
    model.graph.node[4].input[0] = "s"
    return model


REFUSED = {
    doubled_output: "more than one tensor is called 'ra'",
    doubled_name: "more than one node is called 's_node'",
    output_is_input: "more than one tensor is called 'x'",
    output_is_constant: "more than one tensor is called 'a.w'",
    inner_doubled_name: "graph 'then': more than one node is called 'a_node'",
    circle: r"node '(a|ra|b|rb)_node' \(\w+\) reads, through others, what it makes",
    circle_of_one: r"node 's_node' \(Sigmoid\) reads, through others, what it makes \('s'\)",
}


@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_what_onnx_runtime_refuses(build):
    model = build()
    assert not loads(model)
    with pytest.raises(ModelError, match=f"^the model in memory: .*{REFUSED[build]}"):
        rewritten(model, no_verify=True)


def test_constants_are_no_nodes_to_onnx_runtime():
    """Several may have one name, and that of another node: exporters write such models."""
    made = net()
    for name in ("k", "l"):
        made.node("Constant", [], name, value_floats=[1.0])
        made.nodes[-1].name = "y_node"
    made.node("Add", ["y", made.node("Add", ["k", "l"], "m")], "z")
    model = made.model("z")
    assert loads(model)
    result = rewritten(model, lossless=True)
    assert result.plan.counts() == {"conv_relu": 2}
    assert_same(model, result, FEEDS)


def test_constants_of_one_name():
    """Which one counts is ONNX Runtime's business."""
    made = net()
    for value in (1.0, 2.0):
        made.node("Constant", [], "k", value_floats=[value])
    made.node("Add", ["y", "k"], "z")
    model = made.model("z")
    assert loads(model)
    result = rewritten(model, lossless=True)
    assert result.plan.counts() == {"conv_relu": 2}
    (got,), (wanted,) = run(result.model, FEEDS), run(model, FEEDS)
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_what_onnx_runtime_accepts():
    """Value infos and outputs that are there twice, initializers that are inputs, nodes without a name."""
    made = net()
    made.input("a.w", [4, 3, 3, 3])
    model = made.model("y")
    model.graph.value_info.extend([helper.make_tensor_value_info("ra", 1, [1, 4, 8, 8])] * 2)
    model.graph.output.append(model.graph.output[0])
    for node in model.graph.node:
        node.name = ""
    assert loads(model)
    result = rewritten(model, lossless=True)
    assert result.plan.counts() == {"conv_relu": 1}
    assert_same(model, result, FEEDS)
