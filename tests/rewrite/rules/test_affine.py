"""Factor and shift of the nodes behind a convolution."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.affine import affine_terms, take_affine
from spl_onnx.rewrite.rules.chain import Chain
from spl_onnx.rewrite.rules.site import Refused
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


@pytest.mark.parametrize(
    ("op", "factor", "shift"), [("Add", 1.0, 4.0), ("Sub", 1.0, -4.0), ("Mul", 4.0, 0.0), ("Div", 0.25, 0.0)]
)
def test_arithmetic(op, factor, shift):
    made = Net()
    made.node(op, [made.input("x", [1, 2, 3, 3]), made.const("k", np.float32(4))], "y")
    scope = scope_of(made, "y")
    f, t = affine_terms(scope, node_of(scope, "y"), 2, 4)
    assert (list(f), list(t)) == ([factor] * 2, [shift] * 2)


def test_normalization_against_its_definition():
    made = Net()
    made.norm(made.input("x", [1, 5, 3, 3]), "n", 5, epsilon=0.1)
    scope = scope_of(made, "n")
    node = node_of(scope, "n")
    scale, shift, mean, variance = (scope.constant(t).astype(np.float64) for t in node.inputs[1:])
    x = np.linspace(-3, 3, 5)
    f, t = affine_terms(scope, node, 5, 4)
    np.testing.assert_allclose(x * f + t, scale * (x - mean) / np.sqrt(variance + 0.1) + shift, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (3, 1), (2, 3, 1, 1), (1, 1, 3, 1)])
def test_shapes_that_are_not_one_value_per_channel(shape):
    made = Net()
    made.node("Add", [made.input("x", [2, 3, 3, 3]), made.random("k", *shape)], "y")
    scope = scope_of(made, "y")
    with pytest.raises(Refused, match="wanted one value per channel"):
        affine_terms(scope, node_of(scope, "y"), 3, 4)


def test_a_division_by_zero_is_not_hidden():
    made = Net()
    made.node("Div", [made.input("x", [1, 2, 3, 3]), made.const("k", np.float32(0))], "y")
    scope = scope_of(made, "y")
    assert np.isnan(affine_terms(scope, node_of(scope, "y"), 2, 4)[0]).all()


def test_the_walk_stops_at_the_first_node_that_is_not_affine():
    made = Net()
    value = made.norm(made.conv(made.input("x", [1, 2, 5, 5]), "c", 2, 2, pads=[1, 1, 1, 1]), "n", 2)
    value = made.node("Mul", [made.const("k", np.float32(2)), value], "m")
    made.norm(made.node("Add", [value, "x"], "s"), "y", 2)
    scope = scope_of(made, "y")
    chain = Chain(scope, node_of(scope, "c"))
    assert [node.op for node in take_affine(chain)] == ["BatchNormalization", "Mul"]
    assert chain.end.name == "m"
