"""LRN of images, with channels last."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from spl_onnx.predictors.site_settings import NOTHING_SET
from spl_onnx.spec.attributes import LRN
from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten
from tests.rewrite.rules.exact_rules import (
    INEXACT_WITHOUT_WEIGHTS,
    check_a_plan_is_applied_again,
    check_a_plan_that_predicts_is_refused,
)


def net(**attributes) -> Net:
    made = Net()
    made.node("LRN", [made.input("x", ["N", 7, "H", "W"])], "y", **{"size": 5, **attributes})
    return made


@pytest.mark.parametrize("attributes", [{}, {"alpha": 0.5, "beta": 0.6, "bias": 2.0, "size": 3}])
def test_numbers(attributes):
    model = net(**attributes).model("y")
    result = rewritten(model)
    site = only(result, "lrn")
    assert (site.site, site.choice, site.settings, site.layer) == ("y", "lossless", NOTHING_SET, "y_node")
    assert ops(result.model) == [LRN, "Transpose", "Transpose"]
    node = next(node for node in result.model.graph.node if node.op_type == LRN)
    assert (node.domain, node.name) == ("ai.spl.conv", "y/lrn")
    assert [f.name for f in result.model.functions] == [LRN]
    assert_same(model, result, {"x": images(2, 7, 5, 6)})


def between_sites() -> Net:
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "a", 6, 3)], "ra")
    made.node("LRN", ["ra"], "n", size=3, alpha=0.1)
    made.node("Relu", [made.conv("n", "b", 4, 6)], "y")
    return made


def test_transposes_of_neighbouring_sites_cancel():
    model = between_sites().model("y")
    result = rewritten(model, lossless=True)
    assert result.plan.counts() == {"conv_relu": 2, "lrn": 1}
    assert ops(result.model) == [LRN, "SRMM", "SRMM", "Transpose", "Transpose"]
    assert_same(model, result, {"x": images(1, 3, 8, 8)})


@pytest.mark.parametrize(
    ("options", "applied"),
    [
        ({"rules": "all"}, True),
        ({"rules": "lrn"}, True),
        ({"rules": "default", "lossless": True}, True),
        ({"rules": "default"}, False),
        ({"rules": "conv_relu", "lossless": True}, False),
        ({"rules": "all", "skip_rules": "lrn"}, False),
        ({"rules": "default", "lossless": True, "skip_rules": "lrn"}, False),
    ],
)
def test_when_it_applies(options, applied):
    assert rewritten(between_sites().model("y"), **options).plan.counts().get("lrn", 0) == applied


def test_prediction_of_other_sites_leaves_it_exact():
    result = rewritten(between_sites().model("y"))
    assert [(s.rule, s.choice) for s in result.plan.sites] == [
        ("conv_relu", "predict"),
        ("lrn", "lossless"),
        ("conv_relu", "predict"),
    ]


def test_a_plan_is_applied_again():
    check_a_plan_is_applied_again(between_sites().model("y"))


@pytest.mark.parametrize("change", INEXACT_WITHOUT_WEIGHTS)
def test_a_plan_that_predicts_it_is_refused(change):
    check_a_plan_that_predicts_is_refused(net().model("y"), change, "y", "lrn")


def test_inside_if():
    model = net().in_if("y")
    result = rewritten(model)
    only(result, "lrn")
    assert_same(model, result, {"x": images(1, 7, 5, 6), "cond": np.array(True)})


def test_a_value_that_is_also_an_output():
    made = net()
    made.node("Neg", ["y"], "z")
    model = made.model("z", "y")
    result = rewritten(model)
    only(result, "lrn")
    assert_same(model, result, {"x": images(1, 7, 5, 6)})


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE"])
def test_refuses_other_types(kind):
    made = Net()
    made.input("x", [1, 7, 4, 4], TensorProto.DataType.Value(kind))
    made.node("LRN", [made.node("Abs", ["x"], "a")], "y", size=3)
    model = made.model("y")
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DataType.Value(kind)
    assert reason(model, no_verify=True) == f"input of LRN 'y_node' has type {kind}, wanted FLOAT"


def test_refuses_another_rank():
    made = Net()
    made.node("LRN", [made.input("x", [1, 7, 4])], "y", size=3)
    assert reason(made.model("y"), no_verify=True) == "input of LRN 'y_node' has rank 3, wanted 4"


def test_refuses_an_unknown_rank():
    made = net()
    made.inputs[0].type.tensor_type.ClearField("shape")
    assert "has a rank that is not known, wanted 4" in reason(made.model("y"), no_verify=True)


def test_refuses_attributes_without_meaning():
    assert "size is 0" in reason(net(size=0).model("y"), no_verify=True)


def test_says_how_to_select_it():
    assert reason(net().model("y"), rules="default") == "rule lrn is not selected (--rules lrn or all)"
