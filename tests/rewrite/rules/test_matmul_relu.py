"""MatMul [Add] Relu|Clip(0,b)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten


def net(shape: list[int | str], bias: tuple[int, ...] | None = (5,), swap: bool = False) -> Net:
    made = Net()
    made.node("MatMul", [made.input("x", shape), made.random("w", 7, 5)], "m")
    value = "m"
    if bias is not None:
        operands = ["m", made.random("b", *bias)]
        value = made.node("Add", operands[::-1] if swap else operands, "s")
    made.node("Relu", [value], "y")
    return made


@pytest.mark.parametrize("shape", [["N", 7], ["N", "T", 7], [2, 3, 4, 7]])
@pytest.mark.parametrize("bias", [None, (5,), (1,), (1, 5), ()])
@pytest.mark.parametrize("swap", [False, True])
def test_numbers(shape, bias, swap):
    model = net(shape, bias, swap).model("y")
    result = rewritten(model, rules="default")
    only(result, "matmul_relu")
    assert ops(result.model) == ["SPLPredict", "SRMM"]
    assert_same(model, result, {"x": images(*[d if isinstance(d, int) else 3 for d in shape])})


def test_inside_if():
    model = net(["N", 3, 7]).in_if("y", rank=3)
    result = rewritten(model)
    only(result, "matmul_relu")
    assert_same(model, result, {"x": images(2, 3, 7), "cond": np.array(True)})


def test_refuses_a_bias_that_adds_a_dimension():
    assert "bias of Add 's_node' has shape [1, 1, 5]" in reason(net([4, 7], (1, 1, 5)).model("y"))


def test_refuses_a_bias_per_row():
    assert "has shape [4, 5]" in reason(net([4, 7], (4, 5)).model("y"))


def test_refuses_an_addend_that_is_not_constant():
    made = net([4, 7], None)
    made.nodes.pop()
    made.node("Relu", [made.node("Add", ["m", made.input("r", [4, 5])], "s")], "y")
    assert "bias 'r' of Add 's_node' is not constant" in reason(made.model("y"))


def test_refuses_weights_on_the_left():
    made = Net()
    made.node("MatMul", [made.random("w", 5, 7), made.input("x", [7, 3])], "m")
    made.node("Relu", ["m"], "y")
    assert "are the left operand" in reason(made.model("y"))


def test_refuses_stacked_weights():
    made = Net()
    made.node("MatMul", [made.input("x", [2, 3, 7]), made.random("w", 2, 7, 5)], "m")
    made.node("Relu", ["m"], "y")
    assert "have rank 3, wanted 2" in reason(made.model("y"))


def test_refuses_a_vector():
    made = Net()
    made.node("MatMul", [made.input("x", [7]), made.random("w", 7, 5)], "m")
    made.node("Relu", ["m"], "y")
    assert "rank 1, wanted at least 2" in reason(made.model("y"))
