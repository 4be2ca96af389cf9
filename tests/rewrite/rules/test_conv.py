"""Conv [BatchNormalization] without activation."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from spl_onnx.predictors.site_settings import NOTHING_SET
from spl_onnx.rewrite.rules.conv import Conv
from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten
from tests.rewrite.rules.exact_rules import (
    INEXACT,
    check_a_plan_is_applied_again,
    check_a_plan_that_predicts_is_refused,
)
from tests.rewrite.rules.matches import node_of, scope_of


def net(norm: bool = False, idle: str = "", reader: str = "Sigmoid") -> Net:
    """Relu, Conv [idle node] [BatchNormalization], and a node that reads the values."""
    made = Net()
    value = made.node("Relu", [made.input("x", ["N", 4, "H", "W"])], "r")
    value = made.conv(value, "c", 6, 4, 3, 2, strides=[2, 1], pads=[1, 0, 1, 1])
    if idle:
        value = made.node(idle, [value], "i")
    if norm:
        value = made.norm(value, "n", 6)
    made.node(reader, [value], "y")
    return made


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("idle", ["", "Identity", "Dropout"])
def test_numbers(norm, idle):
    model = net(norm, idle).model("y")
    result = rewritten(model)
    site = only(result, "conv")
    assert (site.choice, site.settings, site.layer) == ("lossless", NOTHING_SET, "c_node")
    assert site.site == ("n" if norm else "c")
    assert site.macs_per_output == 4 * 3 * 2
    assert "nothing to predict" in site.reason
    assert {"SRMM", "Transpose"} <= set(ops(result.model))
    assert not {"Conv", "BatchNormalization", "SPLPredict"} & set(ops(result.model))
    assert_same(model, result, {"x": images(2, 4, 9, 8)})


def test_nothing_is_selected_and_nothing_clipped():
    srmm = next(n for n in rewritten(net().model("y")).model.graph.node if n.op_type == "SRMM")
    attrs = {a.name: a.f for a in srmm.attribute}
    assert srmm.input[3] == ""
    assert (attrs["clip_min"], attrs["clip_max"], attrs["floor"]) == (-np.inf, np.inf, 0.0)


@pytest.mark.parametrize(
    ("options", "applied"),
    [
        ({"rules": "all"}, True),
        ({"rules": "conv"}, True),
        ({"rules": "default", "lossless": True}, True),
        ({"rules": "default"}, False),
        ({"rules": "conv_relu", "lossless": True}, False),
        ({"rules": "all", "skip_rules": "conv"}, False),
    ],
)
def test_when_it_applies(options, applied):
    assert rewritten(net().model("y"), **options).plan.counts() == ({"conv": 1} if applied else {})


def test_a_value_that_is_read_twice_and_an_output():
    made = net(norm=True)
    made.node("Neg", ["n"], "z")
    model = made.model("y", "z", "n")
    result = rewritten(model)
    assert only(result, "conv").site == "n"
    assert_same(model, result, {"x": images(1, 4, 6, 6)})


def test_a_value_that_is_needed_before_its_normalization():
    made = net(norm=True)
    made.node("Neg", ["c"], "z")
    model = made.model("y", "z")
    result = rewritten(model)
    assert only(result, "conv").site == "c"
    assert "BatchNormalization" in ops(result.model)
    assert_same(model, result, {"x": images(1, 4, 6, 6)})


def test_image_rows():
    made = Net()
    made.node("Sigmoid", [made.conv(made.input("x", ["N", 4, "L"]), "c", 5, 4, 3)], "y")
    model = made.model("y")
    result = rewritten(model)
    only(result, "conv")
    assert_same(model, result, {"x": images(2, 4, 13)})


def test_inside_if():
    model = net(norm=True).in_if("y")
    result = rewritten(model)
    only(result, "conv")
    assert_same(model, result, {"x": images(1, 4, 6, 6), "cond": np.array(True)})


def test_a_plan_is_applied_again():
    check_a_plan_is_applied_again(net(norm=True).model("y"))


@pytest.mark.parametrize("change", INEXACT)
def test_a_plan_that_predicts_it_is_refused(change):
    check_a_plan_that_predicts_is_refused(net().model("y"), change, "c", "conv")


@pytest.mark.parametrize("reader", ["Relu", "Clip"])
@pytest.mark.parametrize("idle", ["", "Identity"])
def test_leaves_layers_with_an_activation_alone(reader, idle):
    made = net(norm=True, idle=idle, reader=reader)
    scope = scope_of(made, "y")
    assert Conv().pattern(scope, node_of(scope, "c")) == []
    assert rewritten(made.model("y"), rules="conv").plan.counts() == {}


def test_leaves_pooled_layers_alone():
    made = Net()
    value = made.conv(made.input("x", [1, 4, 8, 8]), "c", 6, 4)
    made.node("MaxPool", [value], "y", kernel_shape=[2, 2], dilations=[2, 2])
    assert "dilations [2, 2]" in reason(made.model("y"))


def test_refuses_depthwise_convolutions():
    made = Net()
    made.conv(made.input("x", [1, 4, 5, 5]), "y", 4, 1, group=4)
    assert "is depthwise" in reason(made.model("y"), rules="conv")


def test_refuses_weights_that_are_not_constant():
    made = Net()
    made.node("Conv", [made.input("x", [1, 4, 5, 5]), made.input("w", [2, 4, 3, 3])], "y")
    assert reason(made.model("y")) == "weights 'w' of Conv 'y_node' is not constant"


def test_refuses_weights_that_are_not_finite():
    made = net()
    infinite = np.full((6, 4, 3, 2), np.inf, np.float32)
    made.initializers[0].CopyFrom(numpy_helper.from_array(infinite, made.initializers[0].name))
    assert "are not all finite" in reason(made.model("y"), no_verify=True)
