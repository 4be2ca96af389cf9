"""Segments of sites with other settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import constants
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.network.segments import cut
from spl_onnx.search.network.variants import site_residual, site_weights, variant
from spl_onnx.search.settings import EXACT, Setting
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import TOLERANCE, images, rewritten
from tests.search.network.networks import base, itself_added, matrices, residual, sequential, wide

FULL = SiteSettings(
    predictor="int8",
    keep=0.5,
    threshold=[0.1] * 6,
    correction=[0.05] * 6,
    input_rms=[0.5, 1.0, 1.5, 0.5, 1.0, 1.5],
    xscale=[0.02, 10.0],
    floor=0.2,
)


def segment(model, site):
    return next(s.model for s in cut(model) if s.site is not None and s.site.name == site)


def outputs(model, **feeds):
    return run(create_session(model), feeds)[0]


@pytest.fixture
def site():
    """The residual site and random inputs of it."""
    made = segment(base(residual()), "sum")
    x, r = (np.maximum(images(2, 8, 8, 6, seed=seed), 0) for seed in (1, 2))
    inputs = [value.name for value in made.graph.input]
    own = next(node for node in made.graph.node if node.op_type == "SRMM").input[0]
    other = next(name for name in inputs if name != own)
    return made, {own: x, other: r}


def test_exact_is_the_layer_without_a_selection(plugin_path, site):
    model, fed = site
    for setting in (EXACT, Setting("dense")):
        made = variant(model, setting)
        assert [node.op_type for node in made.graph.node] == ["SRMM"]
    predicted = outputs(
        variant(model, Setting("predict", SiteSettings(predictor="int8", threshold=-1e9))), **fed
    )
    assert np.abs(outputs(made, **fed) - predicted).max() <= TOLERANCE * predicted.max()


def test_a_floor_makes_small_outputs_zero_and_keeps_others(plugin_path, site):
    model, fed = site
    exact = outputs(variant(model, EXACT), **fed)
    cut_off = outputs(variant(model, Setting("truncate", SiteSettings(floor=0.5))), **fed)
    np.testing.assert_array_equal(cut_off, np.where(exact <= 0.5, 0, exact))
    assert 0 < np.count_nonzero(cut_off) < np.count_nonzero(exact)


def test_a_prediction_leaves_out_outputs_and_changes_none(plugin_path, site):
    model, fed = site
    exact = outputs(variant(model, EXACT), **fed)
    settings = SiteSettings("int8", threshold=0.5)
    kept = outputs(variant(model, Setting("predict", settings)), **fed)
    changed = (exact > 0) & (kept == 0)
    assert changed.any() and np.abs(kept - exact)[~changed].max() <= TOLERANCE * exact.max()
    # Eight bits are wrong by less than 0.1 here, so that nothing far from the threshold is on the other side.
    assert (exact[changed] < 0.6).all() and (kept[exact < 0.4] == 0).all()


def test_a_shift_moves_layer_and_predictor_alike(plugin_path, site):
    """As if the bias of the layer had been another one, and its predictor made from it."""
    model, fed = site
    shift = np.linspace(-1, 1, 6).astype(np.float32)
    moved = variant(model, EXACT, shift)
    w, b = site_weights(model)
    assert (site_weights(moved)[1] == b + shift).all() and (site_weights(moved)[0] == w).all()
    setting = Setting("predict", FULL)
    np.testing.assert_array_equal(
        outputs(variant(model, setting, shift), **fed),
        outputs(variant(variant_with_bias(model, b + shift), setting), **fed),
    )


def variant_with_bias(model, bias):
    """The segment with another bias in its own initializer."""
    made = ModelProto()
    made.CopyFrom(model)
    name = next(node for node in made.graph.node if node.op_type == "SRMM").input[2]
    tensor = next(t for t in made.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(bias.astype(np.float32), name))
    return made


def test_every_setting_reaches_the_predictor(plugin_path, site):
    model, fed = site
    made = variant(model, Setting("predict", FULL))
    known = constants(made)
    predict = next(node for node in made.graph.node if node.op_type == "SPLPredict")
    given = [known[name] for name in predict.input[1:5]]
    assert [tensor.data_type for tensor in given] == [3, 1, 1, 1]  # int8, then float32
    without = replace(FULL, xscale=None)
    dynamic = variant(model, Setting("predict", without))
    assert next(node for node in dynamic.graph.node if node.op_type == "SPLPredict").input[4] == ""
    assert (outputs(made, **fed) != outputs(dynamic, **fed)).any()


def test_the_segment_is_not_changed(site):
    model, _ = site
    before = model.SerializeToString()
    variant(model, Setting("predict", FULL), np.ones(6, np.float32))
    variant(model, Setting("truncate", SiteSettings(floor=1.0)))
    assert model.SerializeToString() == before


def test_a_site_without_a_prediction_and_without_a_bias(plugin_path):
    """As a hand-made model may have it: only the floor and the bias can be set."""
    made = segment(rewritten(sequential(), lossless=True).model, "second")
    node = made.graph.node[0]
    node.input[2] = ""
    assert site_weights(made)[1] is None
    x = images(1, 4, 4, 8)
    shift = np.linspace(-1, 1, 16).astype(np.float32)
    sums = outputs(variant(made, EXACT), **{node.input[0]: x})
    moved = outputs(
        variant(made, Setting("predict", SiteSettings(predictor="int8")), shift), **{node.input[0]: x}
    )
    # Where the sum stays above 0 it has moved by the shift.
    both = (sums > 0) & (moved > 0)
    assert both.any() and np.abs((moved - sums - shift)[both]).max() <= TOLERANCE * np.abs(sums).max()


def test_weights_of_a_matrix_are_rows_of_outputs_wherever_they_lie():
    predicted, exact = base(matrices()), rewritten(matrices(), lossless=True).model
    for name, shape in (("one", (8, 6)), ("two", (7, 32))):
        rows, turned = (site_weights(segment(model, name))[0] for model in (predicted, exact))
        assert rows.shape == shape
        np.testing.assert_array_equal(rows, turned)


@pytest.mark.parametrize(
    ("make", "site", "is_input"),
    [(residual, "sum", False), (itself_added, "sum", True), (residual, "a", None)],
)
def test_residuals(make, site, is_input):
    """None where only the constant 0 is added; it may be the input itself."""
    model = segment(base(make()), site)
    found = site_residual(model)
    x = next(node for node in model.graph.node if node.op_type == "SRMM").input[0]
    assert (None if found is None else found == x) == is_input


@pytest.mark.parametrize(
    "settings",
    [
        SiteSettings(precision="int8"),
        SiteSettings(precision="int8", xscale=(0.01, 3)),
        SiteSettings(precision="int8_winograd"),
    ],
)
def test_8_bits_are_those_of_the_rewritten_model(plugin_path, settings):
    model = segment(base(wide()), "two")
    made = variant(model, Setting("int8", settings))
    assert [node.op_type for node in made.graph.node] == ["SRMM"]
    plan = rewritten(wide(), no_verify=True, lossless=True).plan
    plan.find("two", "conv_relu").become("int8", settings)
    whole = rewrite_model(wide(), RewriteOptions(no_verify=True), plan).model
    node = next(node for node in whole.graph.node if node.name == "two/srmm")
    with extra_outputs(whole, [node.input[0], node.output[0]], set()):
        session = create_session(whole)
    x, expected = run(session, {"input": images(2, 3, 8, 8)}, [node.input[0], node.output[0]])
    np.testing.assert_array_equal(outputs(made, **{node.input[0]: x}), expected)
    exact = outputs(variant(model, EXACT), **{node.input[0]: x})
    assert np.abs(exact - expected).max() > TOLERANCE * np.abs(exact).max(), "8 bits give something away"
