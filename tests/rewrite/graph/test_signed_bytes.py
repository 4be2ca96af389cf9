"""Signed bytes as unsigned ones, and back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.rewrite.graph.signed_bytes import shift, unshift
from tests.rewrite.builders import images, rewritten, run
from tests.rewrite.rules.quantised.layers import ByteNet, run_with

CODE = (0.05, -11)


def signed(zero: int = CODE[1]) -> ByteNet:
    """A convolution between signed bytes."""
    made = ByteNet()
    x = made.bytes(made.input("x", ["N", 4, 9, 8]), (0.05, zero), np.int8)
    made.bytes(made.byte_conv(x, "c", 8, 4), (0.05, zero), np.int8)
    return made


FEEDS = {"x": images(2, 4, 9, 8)}


@pytest.mark.parametrize("zero", [-128, 0, 127])
def test_they_stand_for_the_same(zero):
    model = signed(zero).model("c.d")
    made, shifted = shift(model, may_change=False)
    assert [change.tensor for change in shifted] == ["x.q", "c.q"]
    onnx.checker.check_model(made, full_check=True)
    code = onnx.helper.make_node(
        "QuantizeLinear", ["x", "x.code.scale", f"spl/unsigned_zero/{zero + 128}"], ["x.q"]
    )
    assert code.input in [node.input for node in made.graph.node]
    only_first = ByteNet()
    only_first.bytes(only_first.input("x", ["N", 4, 9, 8]), (0.05, zero), np.int8)
    first = only_first.model("x.d")
    assert np.array_equal(run(first, FEEDS)[0], run(shift(first, may_change=False)[0], FEEDS)[0])


def test_and_back():
    model = signed().model("c.d")
    before = model.SerializeToString(deterministic=True)
    made, shifted = shift(model, may_change=False)
    assert model.SerializeToString(deterministic=True) == before and made != model
    unshift(made.graph, shifted)
    assert made == model


def test_a_tensor_whose_reader_changed_stays_unsigned():
    made, shifted = shift(signed().model("c.d"), may_change=False)
    next(node for node in made.graph.node if node.output[0] == "c.d").op_type = "Cast"
    unshift(made.graph, shifted)
    zeros = {node.output[0]: node.input[2] for node in made.graph.node if node.op_type == "QuantizeLinear"}
    assert zeros == {"x.q": "x.code.zero", "c.q": "spl/unsigned_zero/117"}


def others() -> dict[str, onnx.ModelProto]:
    """Signed bytes with other readers, of two codes, and unsigned ones."""
    read, output, two, unsigned = signed(), signed(), ByteNet(), ByteNet()
    read.node("Cast", ["c.q"], "y", to=1)
    names = two.code("a", (0.1, 3), np.int8), two.code("b", (0.1, 4), np.int8)
    two.node("QuantizeLinear", [two.input("x", [2]), *names[0]], "q")
    two.node("DequantizeLinear", ["q", *names[1]], "d")
    unsigned.bytes(unsigned.input("x", [2]))
    models = {"read": read.model("y"), "output": output.model("c.d", "c.q")}
    return {**models, "two": two.model("d"), "unsigned": unsigned.model("x.d")}


@pytest.mark.parametrize(("name", "changed"), [("read", 1), ("output", 1), ("two", 0), ("unsigned", 0)])
def test_what_stays(name, changed):
    model = others()[name]
    made, shifted = shift(model, may_change=False)
    assert [change.tensor for change in shifted] == ["x.q"][:changed]
    assert changed or made is model


def test_rewritten(plugin_path):
    model = signed().model("c.d")
    result = rewritten(model, rules="default")
    assert result.plan.counts() == {"qdq_conv": 1}
    got, expected = (run_with(m, FEEDS)[0] for m in (result.model, model))
    assert np.abs(got - expected).max() <= CODE[0] * 1.001
    assert len(np.unique(expected)) > 20
