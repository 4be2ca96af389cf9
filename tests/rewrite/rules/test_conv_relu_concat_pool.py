"""Conv [BatchNormalization] Relu|Clip(0,b) Concat(channels) MaxPool."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import Net, assert_same, images, ops, reason, rewritten

RULE = "conv_relu_concat_pool"


def net(axis: int = 1, extra: str = "", pool: dict | None = None) -> Net:
    """Two convolutions and one plain branch, joined and pooled."""
    made = Net()
    x = made.input("x", ["N", 4, 10, 9])
    made.node("Relu", [made.norm(made.conv(x, "c1", 4, 4, pads=[1, 1, 1, 1]), "n1", 4)], "a")
    made.node("Relu", [made.conv(x, "c2", 4, 4, 1, 1)], "b")
    made.node("Neg", [x], "plain")
    made.node("Concat", ["a", "plain", "b", *([extra] if extra else [])], "cat", axis=axis)
    made.node(
        "MaxPool", ["cat"], "y", **(pool or {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1})
    )
    return made


@pytest.mark.parametrize("axis", [1, -3])
@pytest.mark.parametrize("extra", ["", "plain"])
def test_numbers(axis, extra):
    model = net(axis, extra).model("y")
    result = rewritten(model, rules="default")
    assert result.plan.counts() == {RULE: 2}
    assert [site.site for site in result.plan.sites] == ["a/pooled", "b/pooled"]
    assert ops(result.model).count("MaxPool") == 1, "one for the plain branch, also when it is joined twice"
    assert_same(model, result, {"x": images(2, 4, 10, 9)})


def test_a_refused_branch_gets_an_explicit_pool():
    made = net()
    made.node("Neg", ["c2"], "z")
    model = made.model("y", "z")
    result = rewritten(model, rules="default")
    assert [site.choice for site in result.plan.sites] == ["predict", "dense"]
    assert result.plan.sites[1].reason == "'c2' is also read by Neg 'z_node'"
    assert ops(result.model).count("MaxPool") == 2
    assert_same(model, result, {"x": images(1, 4, 10, 9)})


def test_the_input_of_the_next_layer_is_the_same_tensor():
    made = net()
    made.node("Relu", [made.conv("y", "c3", 3, 12)], "out")
    model = made.model("out")
    result = rewritten(model)
    assert result.plan.counts() == {RULE: 2, "conv_relu": 1}
    assert_same(model, result, {"x": images(1, 4, 10, 9)})


def test_inside_if():
    model = net().in_if("y")
    result = rewritten(model)
    assert result.plan.counts() == {RULE: 2}
    assert_same(model, result, {"x": images(1, 4, 10, 9), "cond": np.array(True)})


def test_refuses_other_axes():
    assert "axis 2, wanted 1" in reason(net(axis=2).model("y"), rules=RULE)


def test_refuses_a_second_reader_of_the_concat():
    made = net()
    made.node("Neg", ["cat"], "z")
    assert reason(made.model("y", "z"), rules="default") == "'cat' is also read by Neg 'z_node'"


def test_refuses_a_branch_joined_twice():
    assert reason(net(extra="a").model("y"), rules=RULE) == "'a' is read twice by Concat 'cat_node'"


def test_refuses_a_window_it_cannot_express():
    pool = {"kernel_shape": [2, 2], "dilations": [2, 2]}
    assert "dilations [2, 2]" in reason(net(pool=pool).model("y"), rules=RULE)
