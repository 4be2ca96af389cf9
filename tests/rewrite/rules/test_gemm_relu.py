"""Gemm Relu|Clip(0,b)."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten


def net(bias: tuple[int, ...] | None = (5,), act: str = "Relu", rows: int | str = "N", **attrs) -> Net:
    made = Net()
    shape = (5, 7) if attrs.get("transB") else (7, 5)
    names = [made.input("x", [7, rows] if attrs.get("transA") else [rows, 7]), made.random("w", *shape)]
    if bias is not None:
        names.append(made.random("b", *bias))
    made.node("Gemm", names, "g", **attrs)
    bounds = [made.const("lo", np.float32(0)), made.const("hi", np.float32(1))] if act == "Clip" else []
    made.node(act, ["g", *bounds], "y")
    return made


@pytest.mark.parametrize("bias", [None, (), (1,), (5,), (1, 5), (1, 1)])
@pytest.mark.parametrize("attrs", [{}, {"transB": 1}, {"transB": 1, "alpha": 0.5, "beta": -2.0}])
@pytest.mark.parametrize("act", ["Relu", "Clip"])
def test_numbers(bias, attrs, act):
    model = net(bias, act, **attrs).model("y")
    result = rewritten(model, rules="default")
    only(result, "gemm_relu")
    assert ops(result.model) == ["SPLPredict", "SRMM"]
    assert_same(model, result, {"x": images(3, 7)})


def test_weights_are_stored_one_row_per_output():
    result = rewritten(net().model("y"))
    stored = {t.name: list(t.dims) for t in result.model.graph.initializer}
    assert (stored["y/W"], stored["y/B"], stored["spl/zero_matrix"]) == ([5, 7], [5], [1])


def test_constants_may_come_from_nodes():
    made = net()
    weights = made.initializers.pop(0)
    made.nodes.insert(0, helper.make_node("Constant", [], ["w"], value=weights))
    model = made.model("y")
    result = rewritten(model)
    only(result, "gemm_relu")
    assert "Constant" not in ops(result.model), "a constant that nobody reads any more goes"
    assert_same(model, result, {"x": images(2, 7)})


def test_inside_if():
    model = net().in_if("y", rank=2)
    result = rewritten(model)
    only(result, "gemm_relu")
    assert_same(model, result, {"x": images(2, 7), "cond": np.array(True)})


def test_refuses_a_transposed_input():
    assert "transA" in reason(net(transA=1, bias=None).model("y"))


def test_refuses_a_bias_per_row():
    assert "bias of Gemm 'g_node' has shape [4, 5]" in reason(net(bias=(4, 5), rows=4).model("y"))


def test_refuses_a_bias_per_row_of_one_column():
    assert "has shape [5, 1]" in reason(net(bias=(5, 1), rows=5).model("y"))


def test_refuses_weights_that_can_change():
    made = net()
    made.input("w", [7, 5])
    assert "weights 'w' of Gemm 'g_node' is not constant" in reason(made.model("y"))


def test_weights_listed_as_inputs_are_constant_before_ir_version_4():
    made = net()
    made.opset, made.ir_version = 8, 3
    made.input("w", [7, 5])
    made.input("b", [5])
    model = made.model("y")
    result = rewritten(model)
    only(result, "gemm_relu")
    assert [value.name for value in result.model.graph.input] == ["x"]
    assert_same(model, result, {"x": images(2, 7)})
