"""Settings of a site and the predictor they give."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from spl_onnx.errors import UsageError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.packed import pack
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from spl_onnx.rewrite.sites.predict import default_settings
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, only, reason, rewritten
from tests.test_steps import net


def test_weights_that_are_not_finite_are_left_alone():
    made = net()
    made.initializers[0].CopyFrom(numpy_helper.from_array(np.full((4, 3, 3, 3), np.inf, np.float32), "c1.w"))
    result = rewritten(made.model("y"), no_verify=True)
    assert result.plan.sites[0].choice == "dense"
    assert "not all finite" in result.plan.sites[0].reason


def test_a_floor_where_outputs_may_be_negative_is_refused():
    made = Net()
    made.conv(made.input("x", [1, 3, 9, 9]), "c", 4, 3)
    made.node("MaxPool", ["c"], "y", kernel_shape=[2, 2])
    settings = {"predictor": "int8", "floor": 0.1}
    plan = Plan([SitePlan("y", "conv_pool", "predict", settings)])
    result = rewrite_model(made.model("y"), RewriteOptions(), plan=plan)
    assert result.plan.sites[0].choice == "dense"
    assert "a floor would change them" in result.plan.sites[0].reason


def test_lists_that_do_not_fit_the_channels_are_refused():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    for name, values, words in (
        ("threshold", [0.5, 1.0], "threshold has shape [2]"),
        ("correction", [0.5] * 4, "correction has shape [4]"),
        ("input_rms", [1.0] * 3, "input_rms has shape [3]"),
        ("weights", "", "weights of the predictor are damaged or of another shape; wanted [3, 3, 3, 2]"),
        ("shift", [0.5] * 2, "shift has shape [2]"),
    ):
        settings = {"predictor": "pruned", "keep": 0.5, name: values}
        plan = Plan([SitePlan("y", "conv_relu", "predict", settings)])
        entry = rewrite_model(made.model("y"), RewriteOptions(), plan=plan).plan.sites[0]
        assert entry.choice == "dense" and words in entry.reason


def test_settings_from_data_reach_the_nodes_and_come_back_from_the_file():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    model = made.model("y")
    settings = {
        "predictor": "int8",
        "keep": 0.5,
        "threshold": [0.1, 0.2, 0.3],
        "correction": [1 / 3, 0.0, -1e-7],
        "input_rms": [0.3, 2.5],
        "xscale": [0.0123, 7.0],
        "floor": 0.05,
    }
    plan = Plan([SitePlan("y", "conv_relu", "predict", settings)])
    first = rewrite_model(model, RewriteOptions(), plan=plan)
    again = rewrite_model(model, RewriteOptions(), plan=Plan.from_json(first.plan.to_json()))
    assert first.plan.sites[0].settings == SiteSettings(**settings)
    assert first.model.graph.SerializeToString() == again.model.graph.SerializeToString()
    stored = {t.name: numpy_helper.to_array(t) for t in first.model.graph.initializer}
    assert stored["y/Xscale"].tolist() == np.float32([0.0123, 7]).tolist()
    assert np.count_nonzero(stored["y/Wp"].reshape(3, -1), axis=1).max() <= 9


def test_weights_of_a_plan_reach_the_nodes_and_come_back_from_the_file():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    own = np.zeros((3, 3, 3, 2), np.float32)
    own[[0, 1, 2], 1, [0, 1, 2], [0, 1, 0]] = 0.5, -2, 0.25
    settings = {"predictor": "pruned", "keep": 0.5, "correction": [0.5] * 3, "weights": pack(own)}
    plan = Plan([SitePlan("y", "conv_relu", "predict", settings)])
    first = rewrite_model(made.model("y"), RewriteOptions(), plan=plan)
    again = rewrite_model(made.model("y"), RewriteOptions(), plan=Plan.from_json(first.plan.to_json()))
    assert first.model.graph.SerializeToString() == again.model.graph.SerializeToString()
    stored = {t.name: numpy_helper.to_array(t) for t in first.model.graph.initializer}
    np.testing.assert_array_equal(stored["y/Wp"], own)
    assert (
        SiteSettings(**settings).describe()
        == "pruned predictor keeping 0.5 of the weights, fitted, with mean correction"
    )


def test_truncate_is_a_floor_without_a_prediction():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    plan = Plan([SitePlan("y", "conv_relu", "truncate", {"floor": 0.25})])
    result = rewrite_model(made.model("y"), RewriteOptions(), plan=plan)
    (node,) = [n for n in result.model.graph.node if n.op_type == "SRMM"]
    assert not node.input[3] and next(a.f for a in node.attribute if a.name == "floor") == 0.25
    assert result.plan.sites[0].choice == "truncate"


def test_lossless_with_a_floor_is_refused():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    plan = Plan([SitePlan("y", "conv_relu", "lossless", {"floor": 0.25})])
    with pytest.raises(UsageError, match="lossless is exact"):
        rewrite_model(made.model("y"), RewriteOptions(), plan=plan)


def test_pruned_predictor_keeps_the_fraction():
    result = rewritten(net().model("y"), keep=0.25)
    assert (
        "pruned predictor keeping 0.25 of the weights, without mean correction" in result.plan.sites[0].reason
    )
    stored = {t.name: numpy_helper.to_array(t) for t in result.model.graph.initializer}
    kept = np.count_nonzero(stored["y/Wp"], axis=1)
    assert set(kept) == {20}
    assert "y/Wscale" not in stored
    predict = next(n for n in result.model.graph.node if n.op_type == "SPLPredict")
    assert list(predict.input)[3:5] == ["", ""]


def test_refuses_sums_too_long_for_int8_but_not_for_pruned():
    made = Net()
    made.const("w", np.ones((1, 65537, 1, 1), np.float32))
    made.node("Conv", [made.input("x", [1, 65537, 1, 1]), "w"], "c")
    made.node("Relu", ["c"], "y")
    assert "at most 65536" in reason(made.model("y"))
    only(rewritten(made.model("y"), predictor="pruned", keep=0.5, no_verify=True), "conv_relu")


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ({}, {"predictor": "int8"}, "int8 predictor"),
        ({"lossless": True}, {}, "exact (lossless)"),
        ({"keep": 0.5}, {"predictor": "pruned", "keep": 0.5}, "pruned predictor keeping 0.5"),
        ({"predictor": "pruned"}, {"predictor": "pruned", "keep": 0.25}, "pruned predictor keeping 0.25"),
    ],
)
def test_default_settings(options, settings, words):
    made = default_settings(RewriteOptions(**options))
    assert made == SiteSettings(**settings) and made.describe().startswith(words)


def test_a_shift_of_a_plan_moves_the_bias_of_the_predictor_too():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    model = made.model("y")
    stored = []
    for settings in ({"predictor": "int8"}, {"predictor": "int8", "shift": [0.5, 0.0, -1.0]}):
        plan = Plan([SitePlan("y", "conv_relu", "predict", settings)])
        result = rewrite_model(model, RewriteOptions(), plan=Plan.from_json(plan.to_json()))
        stored.append({t.name: numpy_helper.to_array(t) for t in result.model.graph.initializer})
    np.testing.assert_allclose(stored[1]["y/Bp"] - stored[0]["y/Bp"], [0.5, 0, -1], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(stored[1]["y/Wp"], stored[0]["y/Wp"])


def test_thresholds_of_a_plan_move_the_bias_of_the_predictor():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    model = made.model("y")
    stored = {}
    for name, threshold in (("none", 0.0), ("one", 0.5), ("each", [0.5, 0.0, -1.0])):
        plan = Plan([SitePlan("y", "conv_relu", "predict", {"predictor": "int8", "threshold": threshold})])
        result = rewrite_model(model, RewriteOptions(), plan=plan)
        stored[name] = {t.name: numpy_helper.to_array(t) for t in result.model.graph.initializer}["y/Bp"]
    np.testing.assert_allclose(stored["none"] - stored["one"], [0.5] * 3, rtol=1e-6)
    np.testing.assert_allclose(stored["none"] - stored["each"], [0.5, 0.0, -1.0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "channels", "kernel", "attrs", "precision"),
    [
        (32, 32, (3, 3), {}, "int8_winograd"),
        (32, 31, (3, 3), {}, "int8"),
        (31, 32, (3, 3), {}, "int8"),
        (64, 32, (3, 3), {"group": 2}, "int8_winograd"),
        (32, 32, (3, 3), {"group": 2}, "int8"),
        (32, 32, (1, 1), {}, "int8"),
        (32, 32, (3, 3), {"strides": [2, 2]}, "int8"),
        (32, 32, (3, 2), {}, "int8"),
    ],
)
def test_how_a_layer_multiplies_in_8_bits_when_nothing_was_measured(
    outputs, channels, kernel, attrs, precision
):
    made = Net()
    x = made.input("x", [1, channels * attrs.get("group", 1), 9, 9])
    made.node("Relu", [made.conv(x, "c", outputs, channels, *kernel, **attrs)], "y")
    entry = only(rewritten(made.model("y"), precision="int8", no_verify=True), "conv_relu")
    assert (entry.choice, entry.settings) == ("int8", SiteSettings(precision=precision))
    assert entry.reason.endswith(f"products in 8 bits ({precision})")


@pytest.mark.parametrize(
    ("channels", "side", "precision"),
    [
        (32, 6, "int8"),
        (32, 7, "int8_winograd"),
        (257, 7, "int8"),
        (257, 8, "int8_winograd"),
        (32, "side", "int8_winograd"),
    ],
)
def test_small_images_are_multiplied_directly_when_nothing_was_measured(channels, side, precision):
    """Above all where many weights would be read for four squares."""
    made = Net()
    x = made.input("x", [1, channels, side, side])
    made.node("Relu", [made.conv(x, "c", 256, channels, 3, 3, pads=[1, 1, 1, 1])], "y")
    entry = only(rewritten(made.model("y"), precision="int8", no_verify=True), "conv_relu")
    assert entry.settings.precision == precision


def test_a_layer_that_does_not_suit_winograd_in_8_bits_is_refused():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 8, 6, 6]), "c", 8, 8, strides=[2, 2])], "y")
    plan = Plan([SitePlan("y", "conv_relu", "int8", {"precision": "int8_winograd"})])
    entry = rewrite_model(made.model("y"), RewriteOptions(), plan=plan).plan.sites[0]
    assert entry.choice == "dense" and "does not suit precision int8_winograd" in entry.reason


def test_sums_that_are_too_long_for_8_bits_are_refused():
    made = Net()
    x = made.input("x", [1, 65537])
    made.node("Relu", [made.node("MatMul", [x, made.random("w", 65537, 1)], "m")], "y")
    words = reason(made.model("y"), precision="int8")
    assert "sums 65537 products, in 8 bits at most 65536" in words
