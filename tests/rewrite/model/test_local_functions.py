"""Models with functions of their own: they survive, and nothing in them is rewritten."""

from __future__ import annotations

import onnx
import onnx.inliner
import pytest
from onnx import helper

from spl_onnx.rewrite.model.local_functions import describe_unseen
from tests.rewrite.builders import Net, assert_same, images, rewritten

OPSETS = [helper.make_opsetid("", 17)]
FEEDS = {"x": images(1, 3, 8, 8)}


def block(name: str, *body: onnx.NodeProto, inputs: tuple[str, ...] = ("X", "W")) -> onnx.FunctionProto:
    return helper.make_function("my", name, list(inputs), ["Y"], body, OPSETS)


def layers() -> onnx.FunctionProto:
    conv = helper.make_node("Conv", ["X", "W"], ["C"], pads=[1, 1, 1, 1])
    return block("Layers", conv, helper.make_node("Relu", ["C"], ["Y"]))


def chooses() -> onnx.FunctionProto:
    """A layer in a branch of an If."""
    value = helper.make_tensor_value_info("C", 1, None)
    conv = helper.make_node("Conv", ["X", "W"], ["C"], pads=[1, 1, 1, 1])
    branch = helper.make_graph([conv], "branch", [], [value])
    true = helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("yes", 9, [], [True]))
    both = {"then_branch": branch, "else_branch": branch}
    return block("Chooses", true, helper.make_node("If", ["yes"], ["Y"], **both))


def model(*functions: onnx.FunctionProto) -> onnx.ModelProto:
    """A site, and behind it a call of the first of `functions`."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "a", 4, 3)], "ra")
    given = ["ra", made.random("w", 4, 4, 3, 3)][: len(functions[0].input)]
    made.node("Neg", [made.node(functions[0].name, given, "called", domain="my")], "y")
    graph = made.graph("y")
    graph.output[0].CopyFrom(helper.make_tensor_value_info("y", 1, [1, 4, 6, 6]))
    opsets = [*OPSETS, helper.make_opsetid("my", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions)


def test_they_survive():
    made = model(layers())
    result = rewritten(made, lossless=True)
    assert result.plan.counts() == {"conv_relu": 1}
    assert next(f for f in result.model.functions if f.domain == "my") == made.functions[0]
    assert "my" in {entry.domain for entry in result.model.opset_import}
    assert_same(made, result, FEEDS)


def test_their_layers_are_named_in_a_note():
    notes = rewritten(model(layers()), lossless=True).report["notes"]
    assert [note for note in notes if "my.Layers" in note and "onnx.inliner" in note]


@pytest.mark.parametrize(
    ("functions", "named"),
    [
        ((layers(),), ["Layers"]),
        ((chooses(),), ["Chooses"]),
        ((block("Plain", helper.make_node("Relu", ["X"], ["Y"]), inputs=("X",)),), []),
        ((block("Plain", helper.make_node("Relu", ["X"], ["Y"]), inputs=("X",)), layers()), []),
        ((block("Outer", helper.make_node("Layers", ["X", "W"], ["Y"], domain="my")), layers()), ["Layers"]),
    ],
    ids=["layer", "layer in a branch", "no layer", "not called", "called by a function"],
)
def test_which_functions_are_named(functions, named):
    (note,) = describe_unseen(model(*functions), {"Conv", "Gemm"}) or [""]
    assert [f.name for f in functions if f"my.{f.name}" in note] == named


def test_inlined_they_are_sites():
    inlined = onnx.inliner.inline_local_functions(model(layers()))
    result = rewritten(inlined, lossless=True)
    assert result.plan.counts() == {"conv_relu": 2}
    assert result.report["notes"] == [] or "my.Layers" not in result.report["notes"][0]
