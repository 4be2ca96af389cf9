"""DequantizeLinear Conv [Relu|Clip(0,b)] [MaxPool] QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from tests.rewrite.builders import images, only, ops, reason, rewritten
from tests.rewrite.rules.exact_rules import check_a_plan_is_applied_again
from tests.rewrite.rules.quantised.layers import (
    POSITIVE,
    SIGNED,
    ByteNet,
    chain,
    run_with,
    sites,
    steps_apart,
)

RULE = "qdq_conv"
FEEDS = {"x": images(3, 4, 9, 8)}


def pooled(code: tuple[float, int] = SIGNED, pair: bool = True) -> ByteNet:
    """A convolution, its bytes, and a pooling of them whose bytes have this code."""
    made = chain() if pair else ByteNet()
    if not pair:
        made.byte_conv(made.bytes(made.input("x", ["N", 4, 9, 8])), "c", 8, 4)
    made.node("MaxPool", ["c.d" if pair else "c"], "p", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    made.bytes("p", code)
    return made


def test_bytes_go_in_and_out(plugin_path):
    model = chain().model("c.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == "c.q"
    assert ops(result.model) == ["ChannelsLastQuantize", "DequantizeLinear", "QSRMM", "Transpose"]
    assert steps_apart(model, result, FEEDS, SIGNED[0]).max() == 0


def test_a_group_for_each_channel(plugin_path):
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", ["N", 4, 9, 8])), "c", 4, 1, group=4, strides=[2, 1])
    made.bytes("c")
    model = made.model("c.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == "c.q"
    assert steps_apart(model, result, FEEDS, SIGNED[0]).max() == 0


def test_weights_are_those_of_the_model():
    made = chain()
    model = made.model("c.d")
    result = rewritten(model, rules="default").model
    kept = {tensor.name: tensor for tensor in result.graph.initializer}
    (node,) = (node for node in result.graph.node if node.op_type == "QSRMM")
    before = {tensor.name: tensor for tensor in model.graph.initializer}
    to_array = numpy_helper.to_array
    assert np.array_equal(to_array(kept[node.input[1]]), to_array(before["c.w.q"]).transpose(0, 2, 3, 1))
    assert np.array_equal(to_array(kept[node.input[-1]]), to_array(before["c.w.scale"]))
    assert "c.w.q" not in kept, "weights are not held twice"


@pytest.mark.parametrize("act", ["Relu", "Clip"])
def test_activation(plugin_path, act):
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", ["N", 4, 9, 8])), "c", 8, 4)
    bounds = [] if act == "Relu" else [made.const("low", np.float32(0)), made.const("high", np.float32(2))]
    made.bytes(made.node(act, ["c", *bounds], "a"), POSITIVE)
    model = made.model("a.d")
    result = rewritten(model, rules="default")
    only(result, RULE)
    assert steps_apart(model, result, FEEDS, POSITIVE[0]).max() <= 1


@pytest.mark.parametrize("pair", [True, False])
def test_pooling_comes_before_rounding(plugin_path, pair):
    model = pooled(pair=pair).model("p.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == "p.q"
    assert steps_apart(model, result, FEEDS, SIGNED[0]).max() == 0


def test_bytes_of_another_code_are_pooled_apart():
    model = pooled((0.06, 117)).model("p.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == "c.q"
    refusals = [site.reason for site in result.plan.sites if not site.is_rewritten]
    assert refusals == ["bytes before and behind MaxPool 'p_node' have different codes"]


def test_bytes_that_are_also_read_elsewhere_stay():
    made = pooled()
    made.node("Neg", ["c.d"], "other")
    assert sites(made.model("p.d", "other")) == {"c.q": "qdq_conv", "p.q": "qdq_pool"}


def test_without_bytes_behind_it():
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", [1, 4, 9, 8])), "c", 8, 4)
    made.node("Sigmoid", ["c"], "y")
    assert reason(made.model("y"), rules="default") == (
        "no QuantizeLinear follows Conv 'c_node', which works on bytes"
    )


def test_a_value_that_is_an_output_stays():
    made = chain()
    assert reason(made.model("c.d", "c"), rules="default") == "'c' is an output of the graph"


def test_float_weights_stay():
    made = ByteNet()
    made.conv(made.bytes(made.input("x", [1, 4, 9, 8])), "c", 8, 4)
    made.bytes("c")
    assert "weights 'c.w' of Conv 'c_node' are no output" in reason(made.model("c.d"), rules="default")


def test_what_stays_is_as_it_was():
    made = chain()
    made.conv("c.d", "f", 8, 8)
    made.node("Sigmoid", ["f"], "y")
    model = made.model("y")
    result = rewritten(model, rules="default").model
    assert [n for n in result.graph.node if n.op_type == "Conv"] == [
        n for n in model.graph.node if n.name == "f_node"
    ]


def test_inside_if(plugin_path):
    made = chain()
    model = made.in_if("c.d")
    result = rewritten(model, rules="default")
    only(result, RULE)
    for truth in (True, False):
        feeds = {"x": FEEDS["x"], "cond": np.array(truth)}
        got, expected = (run_with(m, feeds)[0] for m in (result.model, model))
        assert np.array_equal(got, expected)


def test_a_plan_is_applied_again():
    check_a_plan_is_applied_again(pooled().model("p.d"))
