"""Weights and bias of a quantised layer."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.quantised.weights import ByteWeights, read_bias, read_weights, require_length
from spl_onnx.rewrite.rules.site import Refused
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.quantised.layers import ByteNet

Q = np.random.default_rng(0).integers(-128, 128, (6, 4, 3, 3)).astype(np.int8)
SCALES = np.linspace(0.01, 0.02, 6, dtype=np.float32)


def read(q=Q, scale=SCALES, zero=None, axis: int = 0, quantise: bool = False, **attrs):
    """What is read of weights q * scale of a Conv."""
    made = ByteNet()
    names = [made.const("s", scale), *([] if zero is None else [made.const("z", zero)])]
    first = made.const("w.q", q)
    if quantise:
        first = made.node("QuantizeLinear", [first, *names], "w.bytes", axis=axis)
    made.node("DequantizeLinear", [first, *names], "w", axis=axis, **attrs)
    made.node("Conv", [made.input("x", [1, 4, 9, 9]), "w"], "y")
    scope = scope_of(made, "y")
    return read_weights(scope, node_of(scope, "y"), 0)


def test_whole_numbers_and_scales_are_those_of_the_model():
    found = read()
    assert found.q.dtype == np.int8 and np.array_equal(found.q, Q)
    assert np.array_equal(found.scale, SCALES)


def test_one_scale_serves_all_outputs():
    assert np.array_equal(read(scale=np.float32(0.25)).scale, np.full(6, 0.25, np.float32))


def test_bytes_around_128_are_the_same_numbers():
    unsigned = (Q.astype(np.int16) + 128).astype(np.uint8)
    assert np.array_equal(read(q=unsigned, zero=np.full(6, 128, np.uint8)).q, Q)


def test_floats_that_are_rounded_in_the_model():
    floats = Q * SCALES[:, None, None, None]
    assert np.array_equal(read(q=floats, zero=np.zeros(6, np.int8), quantise=True).q, Q)
    whole = read(q=Q * np.float32(0.5), scale=np.float32(0.5), zero=np.int8(0), quantise=True)
    assert np.array_equal(whole.q, Q)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"zero": np.array([0, 0, 0, 0, 0, 1], np.int8)}, "not symmetric"),
        ({"q": Q.astype(np.uint8), "zero": np.full(6, 127, np.uint8)}, "not symmetric"),
        ({"q": Q.astype(np.uint8)}, "not symmetric"),
        ({"q": Q.astype(np.int32)}, "are int32 .*, wanted int8 or uint8"),
        ({"axis": 1, "scale": SCALES[:4]}, "along axis 1, wanted one per output"),
        ({"scale": np.where(SCALES > 0.015, SCALES, 0)}, "not all positive normal numbers"),
        ({"scale": np.where(SCALES > 0.015, SCALES, np.float32(1e37))}, "not all positive normal numbers"),
    ],
)
def test_refused(change, reason):
    with pytest.raises(Refused, match=reason):
        read(**change)


def test_weights_that_are_no_constants():
    made = ByteNet()
    made.node("Conv", [made.input("x", [1, 4, 9, 9]), made.random("w", 6, 4, 3, 3)], "y")
    scope = scope_of(made, "y")
    with pytest.raises(Refused, match="no output of DequantizeLinear"):
        read_weights(scope, node_of(scope, "y"), 0)


def test_what_32_bits_hold():
    made = ByteNet()
    made.node("Conv", [made.input("x", [1, 4, 9, 9]), made.random("w", 6, 4, 3, 3)], "y")
    node = node_of(scope_of(made, "y"), "y")
    require_length(node, ByteWeights(np.zeros((1, 65536), np.int8), SCALES))
    with pytest.raises(Refused, match="sums 65537 products"):
        require_length(node, ByteWeights(np.zeros((1, 65537), np.int8), SCALES))


def bias(value, scale=None, zero=None, outputs: int = 6):
    """What is read of the third input of a Conv."""
    made = ByteNet()
    names = [made.input("x", [1, 4, 9, 9]), made.random("w", 6, 4, 3, 3)]
    if value is not None:
        names.append(made.const("b", value))
    if scale is not None:
        sources = ["b", made.const("s", scale), *([] if zero is None else [made.const("z", zero)])]
        names[2] = made.node("DequantizeLinear", sources, "d", axis=0)
    made.node("Conv", names, "y")
    scope = scope_of(made, "y")
    return read_bias(scope, node_of(scope, "y"), outputs)


def test_bias_of_every_form():
    q = np.array([5, -70_000, 0, 1, 2, 3], np.int32)
    assert np.array_equal(bias(None), np.zeros(6, np.float32))
    assert np.array_equal(bias(SCALES), SCALES)
    assert np.array_equal(bias(q, SCALES), q.astype(np.float32) * SCALES)
    assert np.array_equal(bias(q, np.float32(0.1)), q.astype(np.float32) * np.float32(0.1))


@pytest.mark.parametrize(
    ("value", "scale", "zero", "reason"),
    [
        (SCALES[:5], None, None, r"shape \[5\], wanted \[6\]"),
        (np.arange(6, dtype=np.int32), SCALES, np.arange(6, dtype=np.int32), "has a zero point"),
        (np.zeros((2, 3), np.int32), np.float32(1), None, r"shape \[2, 3\]"),
    ],
)
def test_bias_refused(value, scale, zero, reason):
    with pytest.raises(Refused, match=reason):
        bias(value, scale, zero)
