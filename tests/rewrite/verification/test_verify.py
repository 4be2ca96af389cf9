"""Verification of a rewritten model."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.plugin import get_library_path
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.model.trial import trial_inputs
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.verify import LEAST_TOLERANCE, difference, is_exact, verify
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import TOLERANCE, Net, images, rewritten, run
from tests.rewrite.rules.quantised.layers import chain
from tests.rewrite.verification.networks import magnified, places, plain, saturated


def test_layers_between_bytes_are_compared_one_by_one():
    """Outputs prove nothing where a rounding may change a byte; a plan of such layers is not exact."""
    result = rewritten(chain().model("c.d"), rules="default")
    report = result.report["verification"]
    assert not is_exact(result.plan)
    assert report["sites"]["compared"] == 1 and report["sites"]["unproved"] == []


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
    library()
    model = net(8).model("y")
    exact = rewritten(model, lossless=True).report["verification"]
    assert exact["library"]["difference"] <= exact["tolerance"]
    assert np.isfinite(rewritten(model).report["verification"]["library"]["difference"])


def library() -> None:
    try:
        get_library_path()
    except Exception as error:
        pytest.skip(f"the operator library is not built: {error}")


def test_predicted_sites_are_compared_as_exact_ones_too():
    """Without data that is the only comparison of their numbers with the library."""
    library()
    report = rewritten(plain(), predictor="pruned", keep=0.05).report["verification"]
    assert report["library"]["difference"] > 1e-3, "prediction gives something away"
    assert report["library"]["lossless_difference"] <= report["tolerance"]
    assert report["sites"]["compared"] == 2
    assert report["outputs"] == [
        {"name": "y", "noise": report["outputs"][0]["noise"], "tolerance": report["tolerance"]}
    ]
    assert report["notes"] == []


def test_sites_in_8_bits_are_compared_as_exact_ones_too():
    """With the library only the form of the outputs is compared as planned; the dense body is exact."""
    library()
    report = rewritten(plain(), precision="int8").report["verification"]
    assert report["library"]["difference"] > 1e-4, "8 bits give something away"
    assert report["library"]["lossless_difference"] <= report["tolerance"]
    assert report["fallback_difference"] <= report["tolerance"] and report["sites"]["compared"] == 2


def test_bytes_between_sites_are_inexact_without_the_library_too():
    """The bodies round to bytes; the sites themselves are compared as exact ones."""
    library()
    net = Net()
    net.node("Relu", [net.conv(net.input("x", [1, 8, 8, 8]), "c", 8, 8)], "a")
    net.node("Relu", [net.conv("a", "d", 8, 8)], "b")
    options = RewriteOptions(precision="int8")
    plan = rewrite_model(net.model("b"), replace(options, no_verify=True)).plan
    for entry in plan.sites:
        entry.settings = SiteSettings(precision="int8", xscale=(0.2, 100.0), yscale=(0.2, 100.0))
    result = rewrite_model(net.model("b"), options, plan)
    assert [node.op_type for node in result.model.graph.node].count("QSRMM") == 2
    report = result.report["verification"]
    assert report["fallback_difference"] > 1e-4 and report["library"]["difference"] > 1e-4
    assert report["library"]["lossless_difference"] <= report["tolerance"]


def test_a_wrong_kernel_is_found_behind_a_prediction(monkeypatch):
    """The library computes something else where all sites are exact; the outputs would hide it."""
    library()
    model = plain()
    made = rewritten(model, no_verify=True)
    real = Original.run

    def run(self, source, *, plugin=False):
        outputs = real(self, source, plugin=plugin)
        exact = plugin and b"SPLPredict" not in source
        return [value + np.float32(1e-3) * np.abs(value).max() for value in outputs] if exact else outputs

    monkeypatch.setattr(Original, "run", run)
    with pytest.raises(
        VerificationError, match=r"run with the library and all sites exact, differs by 0\.001 of"
    ):
        verify(LoadedModel(model), made.model, RewriteOptions(), made.plan)


def test_a_rewritten_model_that_does_not_run():
    model = net(8).model("y")
    changed = rewritten(model, no_verify=True).model
    weights = next(t for t in changed.graph.initializer if t.name == "y/W")
    weights.CopyFrom(onnx.numpy_helper.from_array(np.ones((4, 3, 3, 2), np.float32), "y/W"))
    with pytest.raises(
        VerificationError, match=r"not valid|the rewritten model fails, run without the library"
    ):
        checked(model, changed)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (magnified(), r"change by [\d.]+ of their largest value when the layers round otherwise"),
        (saturated(), "do not change when the layers round otherwise"),
    ],
)
def test_outputs_that_prove_nothing_are_said_to(model, why):
    result = rewritten(model)
    (note,) = [note for note in result.report["notes"] if "prove nothing" in note]
    assert re.fullmatch(
        rf"on made-up input the outputs of this model {why}, so they prove nothing; "
        "1 site was compared one by one instead",
        note,
    )
    assert sum(result.plan.counts().values()) == 1


def test_wrong_sites_are_found_where_outputs_prove_nothing(monkeypatch):
    """The tolerance of the outputs would let anything pass."""
    from spl_onnx.rewrite.rules.conv_relu import ConvRelu

    real = ConvRelu.site

    def wrong(self, match, folded):
        site = real(self, match, folded)
        site.b = site.b + np.float32(0.01)
        return site

    monkeypatch.setattr(ConvRelu, "site", wrong)
    for model in (magnified(), saturated()):
        result = rewritten(model)
        assert sum(result.plan.counts().values()) == 0
        assert "the site differs from what it replaces by" in result.plan.sites[0].reason


def test_shapes_that_depend_on_values_may_change_under_prediction():
    result = rewritten(places())
    assert sum(result.plan.counts().values()) == 1
    assert sum(rewritten(places(), lossless=True).plan.counts().values()) == 1


def test_small_probabilities_of_right_rewrites_pass():
    """A sigmoid far from 0 magnifies the rounding of large sums; that is no defect of the rewrite."""
    for seed in range(6):
        made = Net(seed=seed)
        made.node("Relu", [made.conv(made.input("x", [1, 16, 48]), "c", 64, 16, 3, pads=[1, 1])], "r")
        made.node("Relu", [made.conv("r", "d", 64, 64, 3, pads=[1, 1])], "s")
        made.node("Conv", ["s", made.random("e.w", 1, 64, 1)], "e")
        made.node("ReduceMean", ["e"], "m", axes=[2])
        scale = made.const("far", np.float32(0.0))
        made.node("Sigmoid", [made.node("Add", ["m", scale], "l")], "y")
        model = made.model("m")
        feeds = next(trial_inputs(model, {}, 0))
        logit = run(model, feeds)[0].item()
        made.initializers[-1].CopyFrom(onnx.numpy_helper.from_array(np.float32(-logit - 7), scale))
        model = made.model("y")
        result = rewritten(model, lossless=True)
        assert result.refused == {}
        assert result.report["verification"]["tolerance"] < 1e-2


def test_untrue_sizes_do_no_harm():
    """The model says 7 places where there are 8, and automatic padding would follow from that."""
    made = Net()
    made.node("Identity", [made.input("x", [1, 3, 8, 8])], "same")
    made.node("Relu", [made.conv("same", "c", 4, 3, auto_pad="SAME_UPPER", strides=[2, 2])], "r")
    made.node("Relu", [made.conv("r", "d", 5, 4, pads=[1] * 4)], "y")
    model = made.model("y")
    model.graph.value_info.append(onnx.helper.make_tensor_value_info("same", 1, [1, 3, 7, 7]))
    result = rewritten(model)
    feeds = {"x": images(1, 3, 8, 8)}
    (got,), (expected,) = run(result.model, feeds), run(model, feeds)
    assert difference(got, expected) <= TOLERANCE
    assert result.report["verification"]["checker"].startswith("skipped, the original does not pass")
