"""Reading the code of a tensor of bytes."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.quantised.codes import ByteCode, bytes_behind, read_code, writer
from spl_onnx.rewrite.rules.site import Refused
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.quantised.layers import ByteNet


def coded(scale: object, zero: object | None) -> ByteNet:
    """x as bytes of this code."""
    made = ByteNet()
    names = [made.input("x", [2, 3]), made.const("scale", scale)]
    if zero is not None:
        names.append(made.const("zero", zero))
    made.node("QuantizeLinear", names, "q")
    made.node("DequantizeLinear", ["q", *names[1:]], "d")
    return made


def test_both_nodes_have_the_code():
    scope = scope_of(coded(np.float32(0.1), np.uint8(7)), "d")
    code = ByteCode(float(np.float32(0.1)), 7)
    assert read_code(scope, node_of(scope, "q")) == read_code(scope, node_of(scope, "d")) == code
    tensor, found = bytes_behind(scope, node_of(scope, "d").outputs[0])
    assert (tensor.name, found) == ("q", code)
    assert code.array().dtype == np.float32 and code.array().tolist() == [code.scale, 7.0]


def test_one_scale_may_be_a_row():
    scope = scope_of(coded(np.array([0.5], np.float32), np.array([3], np.uint8)), "d")
    assert read_code(scope, node_of(scope, "q")) == ByteCode(0.5, 3)


def test_without_a_zero_point_bytes_begin_at_0():
    scope = scope_of(coded(np.float32(0.5), None), "d")
    assert read_code(scope, node_of(scope, "q")) == ByteCode(0.5, 0)
    with pytest.raises(Refused, match="no zero point"):
        read_code(scope, node_of(scope, "d"))


def test_what_the_ends_stand_for():
    assert (ByteCode(0.5, 3).least, ByteCode(0.5, 3).largest) == (-1.5, 126.0)


@pytest.mark.parametrize(
    ("scale", "zero", "reason"),
    [
        (np.ones(3, np.float32), np.zeros(3, np.uint8), r"scale .* has shape \[3\], wanted one"),
        (np.float32(0.1), np.int8(0), r"int8 \[\], wanted one uint8"),
        (np.float32(1e-40), np.uint8(0), "wanted a finite one from"),
        (np.float32(np.inf), np.uint8(0), "wanted a finite one from"),
    ],
)
def test_refused(scale, zero, reason):
    scope = scope_of(coded(scale, zero), "d", "q")
    with pytest.raises(Refused, match=reason):
        read_code(scope, node_of(scope, "q"))


def test_a_code_that_may_change_is_refused():
    made = ByteNet()
    names = [made.input("x", [2, 3]), made.const("scale", np.float32(1)), made.input("zero", [], 2)]
    scope = dequantised(made, names)
    with pytest.raises(Refused, match=r"zero point 'zero' .* is not constant"):
        read_code(scope, node_of(scope, "q"))


def dequantised(made: ByteNet, names: list[str]) -> Scope:
    made.node("DequantizeLinear", [made.node("QuantizeLinear", names, "q"), *names[1:]], "d")
    return scope_of(made, "d")


def test_only_dequantised_tensors_have_bytes():
    scope = scope_of(coded(np.float32(0.1), np.uint8(7)), "d")
    x = node_of(scope, "q").inputs[0]
    assert writer(x, "DequantizeLinear") is None
    with pytest.raises(Refused, match="'x' is no output of DequantizeLinear"):
        bytes_behind(scope, x)
