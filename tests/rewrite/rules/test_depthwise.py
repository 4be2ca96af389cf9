"""Conv with one channel for each group."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.predictors.site_settings import NOTHING_SET
from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten
from tests.rewrite.rules.exact_rules import (
    INEXACT,
    check_a_plan_is_applied_again,
    check_a_plan_that_predicts_is_refused,
)


def net(act: str = "Relu", norm: bool = False, low: float = 0.0, outputs: int = 4) -> Net:
    """Conv of four groups of one channel [BatchNormalization] [activation], and a reader."""
    made = Net()
    x = made.input("x", ["N", 4, "H", "W"])
    value = made.conv(x, "c", outputs, 1, 3, 2, strides=[2, 1], pads=[1, 0, 1, 1], group=4)
    if norm:
        value = made.norm(value, "n", outputs)
    if act:
        bounds = [made.const("lo", np.float32(low)), made.const("hi", np.float32(6))] if act == "Clip" else []
        value = made.node(act, [value, *bounds], "a")
    made.node("Sigmoid", [value], "y")
    return made


@pytest.mark.parametrize(
    ("act", "norm", "site"), [("Relu", False, "a"), ("Clip", True, "a"), ("", True, "n")]
)
def test_numbers(act, norm, site):
    model = net(act, norm).model("y")
    result = rewritten(model)
    entry = only(result, "depthwise")
    assert (entry.site, entry.choice, entry.settings) == (site, "lossless", NOTHING_SET)
    assert entry.macs_per_output == 3 * 2
    assert "too little work per output to predict" in entry.reason
    assert not {"Conv", "BatchNormalization", "SPLPredict", "Relu", "Clip"} & set(ops(result.model))
    assert_same(model, result, {"x": images(2, 4, 9, 8)})


def test_in_8_bits():
    entry = only(rewritten(net("Clip", True).model("y"), precision="int8", rules="default"), "depthwise")
    assert (entry.choice, entry.settings.precision) == ("int8", "int8")


@pytest.mark.parametrize(
    ("options", "applied"),
    [
        ({"rules": "all"}, True),
        ({"rules": "depthwise"}, True),
        ({"rules": "default", "precision": "int8"}, True),
        ({"rules": "default", "lossless": True}, False),
        ({"rules": "default"}, False),
        ({"rules": "conv_relu", "lossless": True}, False),
        ({"rules": "all", "skip_rules": "depthwise"}, False),
    ],
)
def test_when_it_applies(options, applied):
    assert rewritten(net().model("y"), **options).plan.counts() == ({"depthwise": 1} if applied else {})


def test_an_activation_that_cannot_be_part_of_it_stays():
    model = net("Clip", low=-1.0).model("y")
    result = rewritten(model)
    assert only(result, "depthwise").site == "c"
    assert "Clip" in ops(result.model)
    assert_same(model, result, {"x": images(2, 4, 9, 8)})


def test_a_value_that_is_read_twice_and_an_output():
    made = net(norm=True)
    made.node("Neg", ["n"], "z")
    model = made.model("y", "z", "n")
    result = rewritten(model)
    assert only(result, "depthwise").site == "n"
    assert_same(model, result, {"x": images(2, 4, 9, 8)})


def test_refuses_more_outputs_than_groups():
    made = net(outputs=8)
    assert "has 8 outputs of 4 channels, wanted one of each" in reason(made.model("y"), rules="depthwise")


def test_says_what_would_apply_it():
    assert "rule depthwise is not selected (--rules depthwise or all)" in reason(
        net().model("y"), rules="default", lossless=True
    )


def test_leaves_other_convolutions_to_other_rules():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 4, 8, 8]), "c", 6, 2, group=2)], "y")
    only(rewritten(made.model("y")), "conv_relu")


def test_a_plan_is_applied_again():
    check_a_plan_is_applied_again(net().model("y"))


@pytest.mark.parametrize("change", INEXACT)
def test_a_plan_that_predicts_is_refused(change):
    check_a_plan_that_predicts_is_refused(net().model("y"), change, "a", "depthwise")
