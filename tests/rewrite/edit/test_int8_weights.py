"""Weights of layers in 8 bits, stored as int8."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from spl_onnx.measure.sessions import create_session
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.edit.int8_weights import store_int8_weights
from spl_onnx.spec.attributes import FLOAT32, INT8, INT8_WINOGRAD
from spl_onnx.spec.quantize import quantize_weights, weight_values
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net
from tests.rewrite.bytes.layers import Layers, copy_of, images, operators, passing, run

X = images()
pytestmark = pytest.mark.usefixtures("plugin_path")


def layers(*precisions: str) -> onnx.ModelProto:
    """A site behind another, called a, b, ..."""
    made, last = Layers(), "x"
    for name, precision in zip("abc", precisions, strict=False):
        last = made.site(last, name, precision)
    return made.model(last)


def stored(model: onnx.ModelProto, count: int) -> onnx.ModelProto:
    """A copy with int8 weights, which is valid."""
    made = copy_of(model)
    assert store_int8_weights(made) == count
    onnx.checker.check_model(made, full_check=True)
    return made


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {name: values for name, values in found.items() if "/W" in name}


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with float32 weights, which are what int8 ones stand for."""
    made = copy_of(model)
    for tensor in made.graph.initializer:
        if tensor.name.endswith("/W"):
            values = weight_values(*quantize_weights(numpy_helper.to_array(tensor)))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return made


@pytest.mark.parametrize("bytes_between", [False, True])
def test_products_in_8_bits_give_the_same_bits(bytes_between: bool) -> None:
    model = layers(INT8, INT8)
    model = passing(model, X) if bytes_between else model
    assert ("QSRMM" in operators(model)) == bytes_between
    made = stored(model, 2)
    levels = [quantize_weights(weights(model)[f"{name}/W"]) for name in "ab"]
    for name, (w, scale) in zip("ab", levels, strict=True):
        np.testing.assert_array_equal(weights(made)[f"{name}/W"], w)
        np.testing.assert_array_equal(weights(made)[f"{name}/Wscale"], scale)
    np.testing.assert_array_equal(run(made, X, plugin=True)[0], run(model, X, plugin=True)[0])
    assert store_int8_weights(made) == 0


def test_winograd_transforms_the_rounded_weights() -> None:
    model = layers(INT8_WINOGRAD)
    got, values = run(stored(model, 1), X, plugin=True)[0], run(rounded(model), X, plugin=True)[0]
    np.testing.assert_array_equal(got, values)
    assert (got != run(model, X, plugin=True)[0]).any()


def test_float32_layers_keep_their_weights_beside_others() -> None:
    """They have the same fallback body, which multiplies by a scale: theirs is 1."""
    model = layers(INT8, FLOAT32, INT8)
    made = stored(model, 2)
    assert {name: w.dtype.name for name, w in weights(made).items() if not name.endswith("scale")} == {
        "a/W": "int8", "b/W": "float32", "c/W": "int8",
    }  # fmt: skip
    np.testing.assert_array_equal(run(made, X, plugin=True)[0], run(model, X, plugin=True)[0])


@pytest.mark.parametrize("bytes_between", [False, True])
def test_the_fallback_computes_with_what_the_weights_stand_for(bytes_between: bool) -> None:
    """The same float32 operations; ONNX Runtime does those on weights beforehand."""
    model = layers(INT8, FLOAT32, INT8) if not bytes_between else passing(layers(INT8, INT8_WINOGRAD), X)
    made, same = stored(model, 2), rounded(model)
    for tensor in same.graph.initializer:
        if tensor.name == "b/W" and not bytes_between:
            tensor.CopyFrom(next(t for t in model.graph.initializer if t.name == "b/W"))
    np.testing.assert_array_equal(run(made, X)[0], run(same, X)[0])


def test_weights_that_others_read_stay() -> None:
    model = layers(INT8, INT8)
    model.graph.node.append(helper.make_node("Identity", ["a/W"], ["w"]))
    model.graph.output.append(helper.make_tensor_value_info("w", 1, [8, 3, 3, 8]))
    assert weights(stored(model, 1))["a/W"].dtype == np.float32


def test_matrices_in_either_order() -> None:
    made = Net()
    rows = made.node("Gemm", [made.input("x", ["N", 40]), made.random("w", 40, 9), made.random("b", 9)], "g")
    made.node("Relu", [rows], "y")
    model = rewrite_model(made.model("y"), RewriteOptions(precision="int8", rules="gemm_relu")).model
    again = stored(model, 1)
    x = np.random.default_rng(3).standard_normal((7, 40)).astype(np.float32)
    got, want = (create_session(m, threads=1).run(None, {"x": x})[0] for m in (again, model))
    np.testing.assert_array_equal(got, want)
    assert weights(again)["y/W"].shape == (40, 9)
    assert len(weights(again)["y/Wscale"]) == 9
