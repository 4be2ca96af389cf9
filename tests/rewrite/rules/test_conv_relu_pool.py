"""Conv [BatchNormalization] Relu|Clip(0,b) MaxPool, in either order."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten

WINDOW = {"kernel_shape": [2, 2], "strides": [2, 2]}


def net(order: str = "act first", act: str = "Relu", norm: bool = True, **pool) -> Net:
    made = Net()
    value = made.conv(made.input("x", ["N", 3, 12, 13]), "c", 5, 3, pads=[1, 1, 1, 1])
    if norm:
        value = made.norm(value, "n", 5)
    bounds = [made.const("lo", np.float32(0)), made.const("hi", np.float32(2))] if act == "Clip" else []
    pool = pool or WINDOW
    if order == "act first":
        made.node("MaxPool", [made.node(act, [value, *bounds], "a")], "y", **pool)
    else:
        made.node(act, [made.node("MaxPool", [value], "p", **pool), *bounds], "y")
    return made


@pytest.mark.parametrize("order", ["act first", "pool first"])
@pytest.mark.parametrize("act", ["Relu", "Clip"])
@pytest.mark.parametrize(
    "pool",
    [
        WINDOW,
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [3, 2], "strides": [1, 3], "pads": [1, 0, 2, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
        {"kernel_shape": [2, 3]},
    ],
)
def test_numbers(order, act, pool):
    model = net(order, act, **pool).model("y")
    result = rewritten(model)
    assert only(result, "conv_relu_pool").site == "y"
    assert ops(result.model) == ["SPLPredict", "SRMM", "Transpose", "Transpose"]
    assert_same(model, result, {"x": images(2, 3, 12, 13)})


def test_attributes_of_the_new_nodes():
    result = rewritten(net(kernel_shape=[3, 2], strides=[1, 3], pads=[1, 0, 2, 1], ceil_mode=1).model("y"))
    for op in ("SPLPredict", "SRMM"):
        node = next(n for n in result.model.graph.node if n.op_type == op)
        attrs = {
            a.name: a.i if a.name == "pool_ceil" else list(a.ints) for a in node.attribute if "pool" in a.name
        }
        assert attrs == {
            "pool_kernel": [3, 2],
            "pool_strides": [1, 3],
            "pool_pads": [1, 0, 2, 1],
            "pool_ceil": 1,
        }


def test_is_in_the_default_set():
    only(rewritten(net().model("y"), rules="default"), "conv_relu_pool")


def test_one_dimension():
    made = Net()
    value = made.conv(made.input("x", ["N", 2, 20]), "c", 3, 2, 3)
    made.node("MaxPool", [made.node("Relu", [value], "a")], "y", kernel_shape=[3], strides=[2], pads=[1, 0])
    model = made.model("y")
    result = rewritten(model)
    only(result, "conv_relu_pool")
    assert_same(model, result, {"x": images(2, 2, 20)})


def test_inside_if():
    model = net().in_if("y")
    result = rewritten(model)
    only(result, "conv_relu_pool")
    for cond in (True, False):
        assert_same(model, result, {"x": images(1, 3, 12, 13), "cond": np.array(cond)})


def test_a_refused_window_leaves_the_smaller_pattern():
    model = net(kernel_shape=[3, 3], dilations=[2, 2]).model("y")
    result = rewritten(model)
    only(result, "conv_relu")
    assert_same(model, result, {"x": images(1, 3, 12, 13)})


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        ({"kernel_shape": [3, 3], "dilations": [2, 1]}, "dilations [2, 1]"),
        ({"kernel_shape": [2, 2], "storage_order": 1}, "stores columns first"),
        ({"kernel_shape": [1, 1]}, "pools nothing"),
    ],
)
def test_refuses_windows(pool, text):
    assert text in reason(net(**pool).model("y"), rules="conv_relu_pool")


def test_refuses_a_large_window():
    made = Net()
    made.conv(made.input("x", [1, 1, 40, 40]), "c", 1, 1)
    made.node("MaxPool", [made.node("Relu", ["c"], "a")], "y", kernel_shape=[16, 16])
    assert "more than 254 places" in reason(made.model("y"), rules="conv_relu_pool")


def test_refuses_pads_that_reach_over_the_window():
    made = net(kernel_shape=[2, 2], pads=[2, 0, 0, 0])
    assert "not smaller than its window" in reason(made.model("y"), rules="conv_relu_pool", no_verify=True)


def test_refuses_used_indices():
    made = net()
    made.nodes[-1].output.append("where")
    made.node("Cast", ["where"], "z", to=1)
    assert reason(made.model("y", "z"), rules="default") == "output 'where' of MaxPool 'y_node' is used"


def test_refuses_a_second_reader_of_the_activation():
    made = net()
    made.node("Neg", ["a"], "z")
    assert reason(made.model("y", "z"), rules="default") == "'a' is also read by Neg 'z_node'"
