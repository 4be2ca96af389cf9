"""Reading Relu and Clip."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spl_onnx.rewrite.rules.activation import read_activation
from spl_onnx.rewrite.rules.site import Refused
from spl_onnx.spec.attributes import Activation
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


def clip(opset: int, low: float | None, high: float | None):
    made = Net(opset)
    made.input("x", [3])
    if opset < 11:
        given = {name: value for name, value in (("min", low), ("max", high)) if value is not None}
        made.node("Clip", ["x"], "y", **given)
    else:
        names = ["" if v is None else made.const(n, np.float32(v)) for n, v in (("lo", low), ("hi", high))]
        made.node("Clip", ["x", *names], "y")
    scope = scope_of(made, "y")
    return scope, node_of(scope, "y")


def test_no_node_is_no_activation():
    made = Net()
    made.node("Relu", [made.input("x", [3])], "y")
    assert read_activation(scope_of(made, "y"), None) == Activation(-math.inf, math.inf)


def test_relu():
    made = Net()
    made.node("Relu", [made.input("x", [3])], "y")
    scope = scope_of(made, "y")
    assert read_activation(scope, node_of(scope, "y")) == Activation(0.0, math.inf)


@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize(
    ("high", "clip_max"), [(6.0, 6.0), (None, math.inf), (math.inf, math.inf), (0.5, 0.5)]
)
def test_clip_from_zero(opset, high, clip_max):
    assert read_activation(*clip(opset, 0.0, high)) == Activation(0.0, clip_max)


@pytest.mark.parametrize("opset", [7, 11])
@pytest.mark.parametrize(("low", "high"), [(None, 6.0), (-1.0, 6.0), (0.1, 6.0), (0.0, 0.0), (0.0, -1.0)])
def test_refused(opset, low, high):
    with pytest.raises(Refused, match=r"Clip 'y_node' has (lower|upper) bound"):
        read_activation(*clip(opset, low, high))
