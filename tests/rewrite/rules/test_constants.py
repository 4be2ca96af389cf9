"""Constant inputs of nodes."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.constants import constant_float, has_input
from spl_onnx.rewrite.rules.site import Refused
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


def test_constant_float():
    made = Net()
    made.node("Sum", [made.const("a", np.float32([1, 2])), made.input("x", [2])], "y")
    made.node("Add", [made.const("i", np.array([1, 2])), "i"], "z")
    scope = scope_of(made, "y", "z")
    assert list(constant_float(scope, node_of(scope, "y"), 0, "weights")) == [1, 2]
    with pytest.raises(Refused, match="weights 'x' of Sum 'y_node' is not constant"):
        constant_float(scope, node_of(scope, "y"), 1, "weights")
    with pytest.raises(Refused, match="bias 'i' of Add 'z_node' has type int64, wanted float32"):
        constant_float(scope, node_of(scope, "z"), 0, "bias")


def test_has_input():
    made = Net()
    made.node("Clip", [made.input("x", [2]), "", made.const("hi", np.float32(1))], "y")
    scope = scope_of(made, "y")
    assert [has_input(node_of(scope, "y"), i) for i in range(4)] == [True, False, True, False]


def test_a_constant_that_holds_nothing():
    made = Net()
    made.node(
        "Conv", [made.input("x", [1, 3, 5, 5]), made.const("w", np.zeros((0, 3, 3, 3), np.float32))], "y"
    )
    scope = scope_of(made, "y")
    with pytest.raises(
        Refused, match=r"weights 'w' of Conv 'y_node' has shape \[0, 3, 3, 3\]: it holds nothing"
    ):
        constant_float(scope, node_of(scope, "y"), 1, "weights")
