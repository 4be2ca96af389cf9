"""Ranges of inputs, against those of the tensors themselves."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.ranges import input_scales, tensor_ranges, with_bytes, with_ranges
from spl_onnx.spec.attributes import Q_GLOBAL_AVERAGE, QUANTIZE
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, run
from tests.rewrite.rules.quantised.layers import chain
from tests.search.network.networks import feeds, no_site, relu_conv, residual, wide

BATCHES = feeds(wide(), 3, 2)


def lossless(model):
    return rewrite_model(model, RewriteOptions(rules="all", lossless=True, no_verify=True)).model


def test_scales_hold_all_values_and_0(plugin_path):
    """Images have values below 0, outputs of a ReLU have none: their zero point is 0."""
    model = lossless(wide())
    before = model.SerializeToString()
    found = input_scales(model, BATCHES)
    assert model.SerializeToString() == before
    assert list(found) == ["one", "two", "three"]
    x = np.concatenate([fed["input"] for fed in BATCHES])
    scale, zero_point = found["one"]
    assert scale == pytest.approx((x.max() - x.min()) / 255, rel=1e-6) and x.min() < 0
    assert zero_point == np.rint(-x.min() / np.float32(scale))
    made = wide()
    made.graph.output[0].name = "one"
    largest = max(run(made, fed)[0].max() for fed in BATCHES)
    assert found["two"] == (pytest.approx(largest / 255, rel=1e-5), 0.0)


def test_a_range_that_is_not_finite_is_none(plugin_path):
    broken = [
        {"input": np.where(fed["input"] == fed["input"].max(), np.inf, fed["input"])} for fed in BATCHES
    ]
    assert "one" not in input_scales(lossless(wide()), broken)


def test_without_sites_there_are_no_ranges(plugin_path):
    assert input_scales(no_site(), BATCHES) == {}


def test_a_plan_gets_ranges_where_they_are_fixed(plugin_path):
    """Winograd's convolution has none; sites that are not in 8 bits stay what they are."""
    model = read_model(wide())
    plan = plan_sites(model.model, RewriteOptions(precision="int8"))
    plan.find("two", "conv_relu").settings = SiteSettings(precision="int8_winograd")
    plan.find("three", "conv_relu").become("lossless")
    made = with_ranges(model, plan, BATCHES, SiteWeights())
    assert [entry.settings.xscale is not None for entry in made.sites] == [True, False, False, False]
    assert [entry.choice for entry in made.sites] == ["int8", "int8", "lossless", "dense"]
    assert made.sites[0].reason.endswith("products in 8 bits (int8, inputs of a fixed range)")
    assert plan.sites[0].settings.xscale is None, "the plan that is passed in stays as it is"


def test_sites_in_inner_graphs_keep_ranges_of_their_own(plugin_path):
    net = Net()
    relu_conv(net, net.input("x", [1, 3, 6, 6]), "z", 4, 3)
    model = read_model(net.in_if("z"))
    plan = plan_sites(model.model, RewriteOptions(precision="int8"))
    fed = {"x": np.ones((1, 3, 6, 6), np.float32), "cond": np.array(True)}
    made = with_ranges(model, plan, [fed], SiteWeights())
    assert [e.settings for e in made.sites if e.choice == "int8"] == [SiteSettings(precision="int8")]


def in_8_bits(model):
    return plan_sites(model.model, RewriteOptions(precision="int8"))


def test_a_plan_gets_codes_where_sites_are_neighbours(plugin_path):
    """One code for a tensor, from the ranges in float32; the plan says all that the model needs."""
    model = read_model(wide())
    plan = in_8_bits(model)
    plan.find("two", "conv_relu").settings = SiteSettings(precision="int8_winograd")
    made = with_bytes(model, with_ranges(model, plan, BATCHES, SiteWeights()), BATCHES, SiteWeights())
    one, two, three, _ = (entry.settings for entry in made.sites)
    assert one.yscale == two.xscale and two.yscale == three.xscale
    assert all(entry.passes_bytes and entry.rscale is None for entry in (one, two, three))
    scales = input_scales(lossless(wide()), BATCHES)
    assert (one.xscale, two.xscale, three.xscale) == tuple(scales[name] for name in ("one", "two", "three"))
    assert made.sites[0].reason.endswith("products in 8 bits (int8, bytes in and out)")
    rewritten = rewrite_model(model, RewriteOptions(no_verify=True), Plan.from_json(made.to_json()))
    found = [node.op_type for node in rewritten.model.graph.node]
    assert found.count("QSRMM") == 3 and found.count(QUANTIZE) == found.count(Q_GLOBAL_AVERAGE) == 1


def test_residuals_have_codes(plugin_path):
    model = read_model(residual())
    made = with_bytes(model, in_8_bits(model), feeds(residual(), 3, 2), SiteWeights())
    settings = {entry.site: entry.settings for entry in made.sites}
    assert settings["sum"].rscale == settings["a"].yscale == settings["b"].xscale
    assert settings["b"].rscale is None


def test_sites_that_float_sites_part_have_no_codes(plugin_path):
    """What they had is taken from them; ranges of their inputs stay."""
    model = read_model(wide())
    plan = with_bytes(
        model, with_ranges(model, in_8_bits(model), BATCHES, SiteWeights()), BATCHES, SiteWeights()
    )
    plan.find("two", "conv_relu").become("lossless")
    made = with_bytes(model, plan, BATCHES, SiteWeights())
    assert [entry.settings.passes_bytes for entry in made.sites] == [False] * 4
    assert [entry.settings.xscale is None for entry in made.sites] == [False, True, False, True]
    assert plan.sites[0].settings.passes_bytes, "the plan that is passed in stays as it is"


def test_old_opsets_have_no_bytes(plugin_path):
    made = Net(opset=11)
    relu_conv(made, made.input("input", [1, 3, 8, 8]), "one", 8, 3)
    relu_conv(made, "one", "two", 8, 8)
    model = read_model(made.model("two"))
    plan = with_bytes(model, in_8_bits(model), feeds(model.model, 1, 1), SiteWeights())
    assert [entry.settings.passes_bytes for entry in plan.sites] == [False] * 2


def test_a_model_without_sites_has_no_bytes(plugin_path):
    model = read_model(no_site())
    plan = in_8_bits(model)
    assert with_bytes(model, plan, BATCHES, SiteWeights()) == plan


def test_ranges_of_tensors(plugin_path):
    model = lossless(wide())
    before = model.SerializeToString()
    found = tensor_ranges(model, ["input"], BATCHES)
    assert model.SerializeToString() == before
    x = np.concatenate([fed["input"] for fed in BATCHES])
    assert found == {"input": (x.min(), x.max())}


def test_sites_of_bytes_have_no_ranges(plugin_path):
    """What they read are bytes, whose code the model says."""
    model = rewrite_model(chain().model("c.d"), RewriteOptions(no_verify=True)).model
    assert input_scales(model, [{"x": np.ones((1, 4, 9, 8), np.float32)}]) == {}
