"""Verification of a rewritten model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.plugin import get_library_path
from spl_onnx.rewrite.model_io import LoadedModel
from spl_onnx.rewrite.trial import trial_inputs
from spl_onnx.rewrite.verify import LEAST_TOLERANCE, difference, verify
from tests.rewrite.builders import Net, rewritten


def net(size: int | str = "H") -> Net:
    made = Net()
    made.node("Relu", [made.conv(made.input("x", ["N", 3, size, size]), "c", 4, 3)], "y")
    return made


def checked(original: onnx.ModelProto, changed: onnx.ModelProto, **options) -> dict:
    plan = rewritten(original, no_verify=True).plan
    return verify(LoadedModel(original), changed, RewriteOptions(**options), plan)


def test_a_good_rewrite_passes():
    model = net().model("y")
    report = checked(model, rewritten(model, no_verify=True).model)
    assert report["checker"] == "passed"
    assert report["fallback_difference"] <= report["tolerance"]
    assert report["tolerance"] >= LEAST_TOLERANCE
    assert report["input_shapes"] == {"x": [1, 3, 64, 64]}


def test_shape_of_the_input_can_be_named():
    model = net().model("y")
    report = checked(model, rewritten(model, no_verify=True).model, input_shape={"x": (2, 3, 20, 9)})
    assert report["input_shapes"] == {"x": [2, 3, 20, 9]}


def test_other_sizes_are_tried_where_the_first_does_not_fit():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", ["N", 3, "H", "W"]), "c", 4, 3)], "r")
    made.node("Reshape", ["r", made.const("s", np.array([-1, 4 * 222 * 222]))], "y")
    model = made.model("y")
    assert rewritten(model).report["verification"]["input_shapes"] == {"x": [1, 3, 224, 224]}


def test_an_original_that_does_not_run_is_reported():
    made = net()
    made.node("Reshape", ["y", made.const("s", np.array([7, 11, 13]))], "z")
    with pytest.raises(VerificationError, match=r"original model does not run .* --input-shape"):
        rewritten(made.model("z"))


def test_unknown_input_names_are_refused():
    with pytest.raises(UsageError, match="unknown input image; the model has x"):
        rewritten(net().model("y"), input_shape={"image": (1, 3, 8, 8)})


def test_inputs_of_all_types_are_made_up():
    made = Net()
    made.input("f", ["N", "N"])
    made.input("h", [2], TensorProto.FLOAT16)
    made.input("i", ["T", "T", 3], TensorProto.INT64)
    made.input("b", [], TensorProto.BOOL)
    made.node("Identity", ["f"], "y")
    feeds = next(trial_inputs(made.model("y"), {}, 0))
    assert {k: (v.shape, v.dtype.name) for k, v in feeds.items()} == {
        "f": ((1, 1), "float32"),
        "h": ((2,), "float16"),
        "i": ((1, 1, 3), "int64"),
        "b": ((), "bool"),
    }
    assert all(np.array_equal(v, next(trial_inputs(made.model("y"), {}, 0))[k]) for k, v in feeds.items())


def test_strings_cannot_be_made_up():
    made = Net()
    made.input("s", ["N"], TensorProto.STRING)
    made.node("Relu", [made.conv(made.input("x", [1, 3, 5, 5]), "c", 4, 3)], "y")
    with pytest.raises(UsageError, match="input 's' is no numeric tensor"):
        rewritten(made.model("y"))


def test_a_wrong_value_is_found():
    model = net(8).model("y")
    changed = rewritten(model, no_verify=True).model
    bias = next(t for t in changed.graph.initializer if t.name == "y/B")
    bias.CopyFrom(
        onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(1e-3), bias.name)
    )
    with pytest.raises(VerificationError, match="differs by"):
        checked(model, changed)


def test_an_invalid_model_is_found():
    model = net(8).model("y")
    changed = rewritten(model, no_verify=True).model
    del changed.opset_import[1:]
    with pytest.raises(VerificationError, match="not valid"):
        checked(model, changed)


def test_a_wrong_shape_is_found():
    model = net(8).model("y")
    changed = net(8)
    changed.nodes[0].attribute.append(onnx.helper.make_attribute("pads", [1, 1, 1, 1]))
    with pytest.raises(VerificationError, match=r"has shape \[1, 4, 8, 8\], wanted \[1, 4, 6, 6\]"):
        checked(model, changed.model("y"))


def test_with_the_library():
    try:
        get_library_path()
    except Exception as error:
        pytest.skip(f"the operator library is not built: {error}")
    model = net(8).model("y")
    exact = rewritten(model, lossless=True).report["verification"]
    assert exact["library"]["difference"] <= exact["tolerance"]
    assert np.isfinite(rewritten(model).report["verification"]["library"]["difference"])


@pytest.mark.parametrize(
    ("got", "expected", "result"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.25),
        ([np.nan, 2.0], [np.nan, 2.0], 0.0),
        ([np.nan, 2.0], [1.0, 2.0], np.inf),
        ([1.0, 2.0], [np.nan, 2.0], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([0.5], [0.0], 0.5),
        ([], [], 0.0),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_difference(got, expected, result):
    assert difference(np.float32(got), np.float32(expected)) == result
