"""Networks whose outputs are hard to compare."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.rewrite.builders import Net


def plain() -> onnx.ModelProto:
    """Two convolutions, sites `r` and `y`."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "r")
    made.node("Relu", [made.conv("r", "d", 5, 4)], "y")
    return made.model("y")


def magnified(factor: float = 3e6) -> onnx.ModelProto:
    """A site `r` behind which rounding becomes anything: sin(factor * r)."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "r")
    made.node("Sin", [made.node("Mul", ["r", made.const("f", np.float32(factor))], "m")], "y")
    return made.model("y")


def saturated() -> onnx.ModelProto:
    """A site `r` whose output decides nothing: a sigmoid that is 1."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "r")
    made.node("Sigmoid", [made.node("Add", ["r", made.const("f", np.float32(50))], "a")], "y")
    return made.model("y")


def places() -> onnx.ModelProto:
    """A site `r` and the places where it is above 1: the shape of output `y` depends on values."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "r")
    made.node("NonZero", [made.node("Greater", ["r", made.const("one", np.float32(1))], "g")], "y")
    made.node("Identity", ["r"], "z")
    graph = made.graph("y", "z")
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.INT64, [4, None]))
    graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4, 6, 6]))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
