"""DequantizeLinear Gemm|MatMul [Relu|Clip(0,b)] QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import images, only, ops, reason, rewritten, run
from tests.rewrite.rules.quantised.layers import POSITIVE, SIGNED, ByteNet, steps_apart

RULE = "qdq_gemm"


def product(op: str = "Gemm", shape=("N", 24), act: bool = False, bias: bool = True, **attrs) -> ByteNet:
    """x as bytes, times weights, as bytes."""
    made = ByteNet()
    x = made.bytes(made.input("x", shape))
    turned = bool(attrs.get("transB"))
    w = made.weights("w", *((40, 24) if turned else (24, 40)), axis=0 if turned else 1)
    inputs = [x, w, *([made.bias("b", "w")] if bias and op == "Gemm" else [])]
    y = made.node(op, inputs, "c", **attrs)
    made.bytes(made.node("Relu", [y], "a") if act else y, POSITIVE if act else SIGNED)
    return made


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        ({"transB": 1}, (5, 24)),
        ({"transB": 0, "bias": False}, (5, 24)),
        ({"op": "MatMul"}, (5, 24)),
        ({"op": "MatMul", "shape": ("N", 3, 24)}, (2, 3, 24)),
        ({"transB": 1, "act": True}, (5, 24)),
    ],
)
def test_bytes_go_in_and_out(plugin_path, change, shape):
    end = "a" if change.get("act") else "c"
    model = product(**change).model(f"{end}.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == f"{end}.q"
    assert ops(result.model) == ["DequantizeLinear", "QSRMM", "QuantizeLinear"]
    scale = (POSITIVE if end == "a" else SIGNED)[0]
    assert steps_apart(model, result, {"x": images(*shape)}, scale).max() <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": 0.5}, "has alpha 0.5, wanted 1 for bytes"),
        ({"beta": 2.0}, "has beta 2.0, wanted 1 for bytes"),
        ({"transA": 1, "shape": (24, 5)}, "transposes its input (transA)"),
    ],
)
def test_refused(change, words):
    assert words in reason(product(**change).model("c.d"), rules="default")


def test_a_product_of_two_activations_stays():
    made = ByteNet()
    a, b = (made.bytes(made.input(name, [2, 3, 4, 4])) for name in "ab")
    made.bytes(made.node("MatMul", [a, b], "c"))
    assert "weights 'b.q' of DequantizeLinear" in reason(made.model("c.d"), rules="default")


def test_without_bytes_behind_it():
    made = ByteNet()
    x = made.bytes(made.input("x", [5, 24]))
    made.node("MatMul", [x, made.weights("w", 24, 40, axis=1)], "y")
    assert reason(made.model("y"), rules="default").startswith("no QuantizeLinear follows MatMul")


def test_weights_with_scales_of_inputs():
    made = ByteNet()
    x = made.bytes(made.input("x", [5, 24]))
    made.bytes(made.node("MatMul", [x, made.weights("w", 24, 40, axis=0)], "c"))
    assert "along axis 0, wanted one per output" in reason(made.model("c.d"), rules="default")


def test_in_plain_onnx_runtime():
    model = product(transB=1).model("c.d")
    result = rewritten(model, rules="default")
    feeds = {"x": images(5, 24)}
    gap = np.abs(run(result.model, feeds)[0] - run(model, feeds)[0])
    assert gap.max() <= SIGNED[0] * 1.001
