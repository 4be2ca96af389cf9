"""Conv [BatchNormalization] MaxPool without activation."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from tests.rewrite.builders import Net, assert_same, images, only, reason, rewritten


def net(norm: bool = False, **pool) -> Net:
    made = Net()
    value = made.conv(made.input("x", ["N", 3, 10, 9]), "c", 5, 3, 2, 4)
    if norm:
        value = made.norm(value, "n", 5)
    made.node("MaxPool", [value], "y", **(pool or {"kernel_shape": [2, 2], "strides": [2, 2]}))
    return made


@pytest.mark.parametrize("norm", [False, True])
def test_numbers(norm):
    model = net(norm).model("y")
    result = rewritten(model, rules="default")
    only(result, "conv_pool")
    assert_same(model, result, {"x": images(2, 3, 10, 9)})


def test_every_window_has_an_output():
    result = rewritten(net().model("y"))
    attrs = {n.op_type: {a.name: a for a in n.attribute} for n in result.model.graph.node}
    assert attrs["SPLPredict"]["select_all"].i == 1
    assert attrs["SRMM"]["clip_min"].f == -np.inf
    assert attrs["SRMM"]["clip_max"].f == np.inf


def test_negative_maxima_survive():
    made = net()
    made.initializers[1].CopyFrom(
        numpy_helper.from_array(np.full(5, -100, np.float32), made.initializers[1].name)
    )
    model = made.model("y")
    assert_same(model, rewritten(model), {"x": images(1, 3, 10, 9)})


def test_inside_if():
    model = net(norm=True).in_if("y")
    result = rewritten(model)
    only(result, "conv_pool")
    assert_same(model, result, {"x": images(1, 3, 10, 9), "cond": np.array(True)})


def test_refuses_a_second_reader():
    made = net()
    made.node("Neg", ["c"], "z")
    assert reason(made.model("y", "z")) == "'c' is also read by Neg 'z_node'"


def test_refuses_dilated_windows():
    assert "dilations [1, 2]" in reason(net(kernel_shape=[2, 2], dilations=[1, 2]).model("y"))
