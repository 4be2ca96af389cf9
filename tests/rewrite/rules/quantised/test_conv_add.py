"""DequantizeLinear Conv Add [Relu|Clip(0,b)] QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.quantised.conv_add import ByteConvAdd
from tests.rewrite.builders import images, only, rewritten
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.quantised.layers import POSITIVE, ByteNet, run_with, sites, steps_apart

RULE = "qdq_conv_add"
#: Of the sum's operand: wide enough for all of its values.
BEFORE = (0.1, 120)
FEEDS = {"x": images(3, 8, 9, 8)}


def block(
    before: tuple[float, int] | None = BEFORE,
    act: bool = True,
    after: tuple[float, int] = POSITIVE,
    residual: tuple[int, ...] = (),
) -> ByteNet:
    """A convolution, its bytes of the code `before`, and the sum with its input or a constant."""
    made = ByteNet()
    x = made.bytes(made.input("x", ["N", 8, 9, 8]))
    made.byte_conv(x, "c", 8, 8)
    c = "c" if before is None else made.bytes("c", before)
    r = made.bytes(made.random("r", *residual)) if residual else x
    total = made.node("Add", [c, r], "s")
    made.bytes(made.node("Relu", [total], "a") if act else total, after)
    return made


@pytest.mark.parametrize(("act", "after", "end"), [(True, POSITIVE, "a"), (False, (0.09, 120), "s")])
def test_a_sum_of_products_as_they_are(plugin_path, act, after, end):
    """Nothing is rounded before the Add, in the model neither."""
    model = block(None, act, after).model(f"{end}.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == f"{end}.q"
    assert steps_apart(model, result, FEEDS, after[0]).max() <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_bytes_before_the_sum_are_left_out(plugin_path, turned):
    """The result differs by half a step of the bytes that are left out, and one of its own."""
    made = block()
    if turned:
        add = next(node for node in made.nodes if node.op_type == "Add")
        add.input[:] = reversed(add.input)
    model = made.model("a.d")
    result = rewritten(model, rules="default")
    only(result, RULE)
    gap = steps_apart(model, result, FEEDS, POSITIVE[0])
    assert 0 < gap.max() <= 0.5 * BEFORE[0] / POSITIVE[0] + 1


def test_the_result_is_nearer_to_the_exact_one(plugin_path):
    """Than the model's own: both against the same layers without rounding before the sum."""
    model = block().model("a.d")
    exact = run_with(block(None).model("a"), FEEDS, plugin=False)[0]
    ours, own = (
        run_with(m, FEEDS, plugin=p)[0]
        for m, p in ((rewritten(model, rules="default").model, True), (model, False))
    )
    inside = exact < 255 * POSITIVE[0]
    errors = [np.square(values - exact)[inside].mean() for values in (ours, own)]
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("zero", [0, 255])
def test_bytes_that_may_be_an_activation_are_not_left_out(zero):
    assert sites(block((0.05, zero)).model("a.d")) == {"c.q": "qdq_conv"}


def test_bytes_that_are_also_read_elsewhere():
    made = block()
    made.node("Neg", ["c.d"], "other")
    assert sites(made.model("a.d", "other")) == {"c.q": "qdq_conv"}


def test_the_residual_must_be_bytes():
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", [1, 8, 9, 8])), "c", 8, 8)
    made.bytes(made.node("Add", [made.bytes("c"), "x"], "s"))
    result = rewritten(made.model("s.d"), rules=RULE)
    assert result.plan.sites[0].reason == "'x' is no output of DequantizeLinear"


@pytest.mark.parametrize("shape", [(1, 8, 1, 1), (1, 1, 9, 8)])
def test_the_residual_must_have_the_same_shape(shape):
    result = rewritten(block(residual=shape).model("a.d"), rules=RULE)
    assert "not known to have one shape" in result.plan.sites[0].reason


def test_a_convolution_added_to_itself():
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", [1, 8, 9, 8])), "c", 8, 8)
    c = made.bytes("c")
    made.bytes(made.node("Add", [c, c], "s"))
    assert sites(made.model("s.d")) == {"c.q": "qdq_conv"}


def test_two_convolutions_are_summed_once(plugin_path):
    made = ByteNet()
    x = made.bytes(made.input("x", ["N", 8, 9, 8]))
    for name in ("a", "b"):
        made.bytes(made.byte_conv(x, name, 8, 8), BEFORE)
    made.bytes(made.node("Add", ["a.d", "b.d"], "s"), (0.12, 120))
    model = made.model("s.d")
    assert sites(model) == {"s.q": RULE, "b.q": "qdq_conv"}
    gap = steps_apart(model, rewritten(model, rules="default"), FEEDS, 0.12)
    assert gap.max() <= 0.5 * BEFORE[0] / 0.12 + 1


def test_pattern_needs_bytes_at_both_ends():
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", [1, 8, 9, 8])), "c", 8, 8)
    made.node("Add", ["c", "x.d"], "s")
    scope = scope_of(made, "s")
    assert ByteConvAdd().pattern(scope, node_of(scope, "c")) == []
