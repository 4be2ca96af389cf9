"""Weights of sites are made once for all plans of a model."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.rules.base import LayerRule
from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.gemm_relu import GemmRelu
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.sites import weights as site_weights
from spl_onnx.rewrite.sites.candidates import Candidate, find_candidates
from spl_onnx.rewrite.sites.plan import lossless_plan
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.repair import apply_checked
from tests.rewrite.builders import Net
from tests.small_models import small_cnn

ALL = RewriteOptions(rules="all")


@pytest.fixture
def made(monkeypatch):
    """Counts what is folded and predicted, by site."""
    counts = Counter()
    for rule in (ConvRule, GemmRelu):

        def fold(self, match, plain=rule.fold):
            counts["fold", match.name] += 1
            return plain(self, match)

        monkeypatch.setattr(rule, "fold", fold)
    plain_build = site_weights.build_predictor

    def build(site, settings):
        counts["predict", site.match.name] += 1
        return plain_build(site, settings)

    monkeypatch.setattr(site_weights, "build_predictor", build)
    return counts


def test_a_checked_rewrite_folds_every_site_once(made, plugin_path):
    loaded, weights = LoadedModel(small_cnn()), SiteWeights()
    apply_checked(loaded, plan_sites(loaded.model, ALL, weights), ALL, weights)
    assert len(made) == 6 and set(made.values()) == {1}


def test_further_plans_fold_nothing(made):
    model, weights = small_cnn(), SiteWeights()
    plan = plan_sites(model, ALL, weights)
    first = apply(model, plan, weights).model
    made.clear()
    apply(model, lossless_plan(plan), weights)
    assert apply(model, plan, weights).model == first and not made
    plan.sites[0].settings = SiteSettings("pruned", 0.5)
    changed = apply(model, plan, weights).model
    assert made == {("predict", plan.sites[0].site): 1}
    assert changed == apply(model, plan).model, "as if it were made anew"


def layers(net: Net, output: str) -> list[Candidate]:
    context = ModelContext(net.model(output))
    return [c for c in find_candidates(context, selector(ALL)) if isinstance(c.rule, LayerRule)]


def row(count: int) -> Net:
    """Convolutions of 4 channels in a row: r0, r1, ..."""
    net = Net()
    x = net.input("x", [1, 4, 8, 8])
    for index in range(count):
        x = net.node("Relu", [net.conv(x, f"c{index}", 4, 4, pads=[1] * 4)], f"r{index}")
    return net


#: Weights and bias of a layer of `row`, in bytes.
SIZE = 4 * (4 * 4 * 9 + 4)


def test_what_was_not_used_for_longest_goes_first(made):
    sites, weights = layers(row(3), "r2"), SiteWeights(2 * SIZE)
    for index in (0, 1, 0, 2, 0, 1):
        weights.site(sites[index].rule, sites[index].match)
    assert [made["fold", f"r{index}"] for index in range(3)] == [1, 2, 1]


def test_what_is_too_large_is_made_each_time(made):
    (site,), weights = layers(row(1), "r0"), SiteWeights(SIZE - 1)
    for _ in range(2):
        weights.site(site.rule, site.match)
    assert made["fold", "r0"] == 2


def test_nobody_writes_into_what_is_shared():
    (site,) = layers(row(1), "r0")
    got = SiteWeights().site(site.rule, site.match)
    with pytest.raises(ValueError, match="read-only"):
        got.w += np.float32(1)


def test_a_shift_belongs_to_the_predictor():
    model, weights = small_cnn(), SiteWeights()
    plan = plan_sites(model, ALL, weights)
    outputs = 8
    for shift in ((1.0,) * outputs, (2.0,) * outputs):
        plan.sites[0].settings = SiteSettings("int8", shift=shift)
        assert apply(model, plan, weights).model == apply(model, plan).model
