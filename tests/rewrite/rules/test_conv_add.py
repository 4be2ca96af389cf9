"""Conv [BatchNormalization] Add without activation."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.predictors.site_settings import NOTHING_SET
from tests.rewrite.builders import Net, assert_same, images, only, ops, rewritten
from tests.rewrite.rules.exact_rules import (
    INEXACT,
    check_a_plan_is_applied_again,
    check_a_plan_that_predicts_is_refused,
)


def net(swap: bool = False, norm: bool = True, reader: str = "Sigmoid") -> Net:
    """A block whose shortcut is its own input, and a node that reads the sum."""
    made = Net()
    x = made.input("x", ["N", 4, 8, 9])
    value = made.conv(x, "c", 4, 4, pads=[1, 1, 1, 1])
    if norm:
        value = made.norm(value, "n", 4)
    made.node("Add", [x, value] if swap else [value, x], "s")
    made.node(reader, ["s"], "y")
    return made


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_numbers(swap, norm):
    model = net(swap, norm).model("y")
    result = rewritten(model)
    site = only(result, "conv_add")
    assert (site.site, site.choice, site.settings) == ("s", "lossless", NOTHING_SET)
    assert "residual is 'x'" in site.reason
    assert not {"Conv", "BatchNormalization", "Add", "SPLPredict"} & set(ops(result.model))
    srmm = next(node for node in result.model.graph.node if node.op_type == "SRMM")
    assert {a.name: a.f for a in srmm.attribute}["clip_min"] == -np.inf
    assert_same(model, result, {"x": images(2, 4, 8, 9)})


def test_with_an_activation_it_is_the_site_of_the_rule_that_predicts():
    only(rewritten(net(reader="Relu").model("y")), "conv_add_relu")


def test_of_two_convolutions_one_takes_the_sum():
    made = Net()
    x = made.input("x", ["N", 4, 9, 9])
    for name, kernel in (("a", 3), ("b", 1)):
        made.conv(x, name, 6, 4, kernel, kernel, pads=[kernel // 2] * 4)
    made.node("Sigmoid", [made.node("Add", ["a", "b"], "s")], "y")
    model = made.model("y")
    result = rewritten(model)
    assert result.plan.counts() == {"conv_add": 1, "conv": 1}
    site = next(site for site in result.plan.sites if site.rule == "conv_add")
    assert site.layer == "a_node"
    assert_same(model, result, {"x": images(1, 4, 9, 9)})
    refused = rewritten(model, rules="conv_add").plan.sites
    assert any("Conv 'a_node' takes the sum" in entry.reason for entry in refused)


@pytest.mark.parametrize(
    ("options", "applied"),
    [
        ({"rules": "all"}, {"conv_add": 1}),
        ({"rules": "default", "precision": "int8"}, {"conv_add": 1}),
        ({"rules": "default", "lossless": True}, {"conv": 1}),
        ({"rules": "default"}, {}),
    ],
)
def test_when_it_applies(options, applied):
    assert rewritten(net().model("y"), **options).plan.counts() == applied


def test_a_sum_that_does_not_have_the_shape_of_the_output():
    made = Net()
    value = made.conv(made.input("x", [1, 4, 8, 9]), "c", 4, 4, pads=[1, 1, 1, 1])
    made.node("Sigmoid", [made.node("Add", [value, made.input("r", [1, 4, 1, 1])], "s")], "y")
    only(rewritten(made.model("y")), "conv")


def test_a_plan_is_applied_again():
    check_a_plan_is_applied_again(net().model("y"))


@pytest.mark.parametrize("change", INEXACT)
def test_a_plan_that_predicts_is_refused(change):
    check_a_plan_that_predicts_is_refused(net().model("y"), change, "s", "conv_add")
