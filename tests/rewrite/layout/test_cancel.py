"""Redundant Transposes between sites."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import Net, assert_same, images, ops, rewritten


def layers(count: int) -> Net:
    made = Net()
    made.input("x", ["N", 3, "H", "W"])
    for i in range(count):
        made.conv("x" if i == 0 else f"r{i - 1}", f"c{i}", 3, 3, pads=[1, 1, 1, 1])
        made.node("Relu", [f"c{i}"], f"r{i}")
    return made


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_chain_keeps_one_transpose_at_each_end(count):
    model = layers(count).model(f"r{count - 1}")
    result = rewritten(model)
    assert ops(result.model).count("Transpose") == 2
    assert_same(model, result, {"x": images(2, 3, 6, 7)})


def test_a_value_that_is_also_an_output_keeps_its_transpose():
    model = layers(2).model("r1", "r0")
    result = rewritten(model)
    assert ops(result.model).count("Transpose") == 3
    assert [value.name for value in result.model.graph.output] == ["r1", "r0"]
    assert_same(model, result, {"x": images(2, 3, 6, 7)})


def test_several_readers_share_one_transpose():
    made = layers(1)
    made.node("Relu", [made.conv("r0", "a", 2, 3)], "ra")
    made.node("Relu", [made.conv("r0", "b", 2, 3)], "rb")
    made.node("Neg", ["r0"], "n")
    model = made.model("ra", "rb", "n")
    result = rewritten(model)
    assert ops(result.model).count("Transpose") == 4, "x in; r0, ra, rb out"
    assert_same(model, result, {"x": images(1, 3, 6, 7)})


def test_one_input_of_several_sites_is_transposed_once():
    made = Net()
    x = made.input("x", [1, 3, 6, 6])
    for name in "abc":
        made.node("Relu", [made.conv(x, f"c{name}", 2, 3)], name)
    model = made.model("a", "b", "c")
    result = rewritten(model)
    assert ops(result.model).count("Transpose") == 4
    assert_same(model, result, {"x": images(1, 3, 6, 6)})


def test_transposes_of_the_model_cancel_with_ours():
    """A network from a channels-last framework comes with Transposes of its own."""
    made = Net()
    made.node("Transpose", [made.input("x", ["N", "H", "W", 3])], "t", perm=[0, 3, 1, 2])
    made.node("Relu", [made.conv("t", "c", 4, 3)], "r")
    made.node("Transpose", ["r"], "u", perm=[0, 2, 3, 1])
    made.node("Neg", ["u"], "y")
    model = made.model("y")
    result = rewritten(model)
    assert ops(result.model) == ["Neg", "SPLPredict", "SRMM"]
    assert_same(model, result, {"x": images(2, 6, 7, 3)})


def test_transposes_of_the_model_alone_are_left_alone():
    made = layers(1)
    made.node("Transpose", [made.node("Transpose", ["r0"], "t", perm=[1, 0, 2, 3])], "y", perm=[1, 0, 2, 3])
    made.node("Transpose", ["r0"], "other", perm=[0, 2, 1, 3])
    model = made.model("y", "other")
    result = rewritten(model)
    assert ops(result.model).count("Transpose") == 2 + 3
    assert_same(model, result, {"x": images(1, 3, 6, 7)})


def test_a_pair_across_graphs_is_left_alone():
    made = layers(1)
    inner = Net()
    inner.node("Relu", [inner.conv("r0", "ci", 3, 3)], "t")
    other = Net()
    other.node("Relu", [other.conv("r0", "ce", 3, 3, 1, 1)], "e")
    cond = made.input("cond", [], 9)
    made.node("If", [cond], "y", then_branch=inner.graph("t"), else_branch=other.graph("e"))
    model = made.model("y")
    result = rewritten(model)
    assert result.plan.counts() == {"conv_relu": 3}
    for value in (True, False):
        assert_same(model, result, {"x": images(1, 3, 6, 7), "cond": np.array(value)})
