"""Options of sites: what they cost is what the rewritten model costs on the same samples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spl_onnx.calibrate.site import Calibration, PredictorSpec
from spl_onnx.measure.flops import model_work, reduction
from spl_onnx.measure.statistics import CountingModel
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.build import predictor_weights
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.budget.calibration import Fitting, site_layers
from spl_onnx.search.budget.site_options import (
    ERRORS,
    KEEPS,
    flop_options,
    prediction_label,
    predictor_specs,
    truncations,
    with_prediction,
)
from spl_onnx.search.network.segments import cut
from spl_onnx.search.settings import Setting
from tests.rewrite.builders import Net, rewritten
from tests.search.network.networks import (
    IMAGE,
    base,
    branches,
    configured,
    feeds,
    head,
    matrices,
    residual,
    sequential,
)


def layers(model, size=48):
    return list(site_layers(cut(base(model)), feeds(model, size)))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [("int8", 1.0), *(("int8", keep) for keep in KEEPS)]),
        ({"predictor": "int8"}, [("int8", 1.0)]),
        ({"predictor": "pruned"}, [("pruned", keep) for keep in KEEPS]),
        ({"predictor": "pruned", "keep": 0.35}, [("pruned", 0.35)]),
        ({"keep": 0.35}, [("int8", 1.0), ("int8", 0.35)]),
    ],
)
def test_predictors_of_the_options(options, wanted):
    found = predictor_specs(RewriteOptions(**options))
    assert [(spec.predictor, spec.keep) for spec in found] == wanted
    assert all(spec.fitted == (spec.keep < 1.0) for spec in found)


@pytest.mark.parametrize("make", [sequential, residual, branches, matrices])
def test_options_are_a_ladder_of_good_settings(plugin_path, make):
    for layer in layers(make()):
        made = flop_options(layer, 1000.0, predictor_specs(RewriteOptions()))
        assert (made.site, made.exact, made.flops) == (layer.site.name, 1000.0, 1000.0)
        costs, errors = ([getattr(option, key) for option in made.options] for key in ("cost", "error"))
        assert costs == sorted(costs, reverse=True) and errors == sorted(errors) and costs[0] < 1000.0
        assert len({option.setting.key for option in made.options}) == len(made.options) > 3
        for option in made.options:
            content = json.loads(json.dumps(option.setting.settings.as_json()))
            settings = SiteSettings.from_json(content, option.setting.label)
            settings.validate(option.setting.choice, option.setting.label)
            assert settings == option.setting.settings, "a plan holds all of it"


@pytest.mark.parametrize("make", [sequential, residual, matrices])
def test_costs_are_those_of_the_rewritten_model(plugin_path, make):
    """All places of all samples are sampled, so that the count of the model itself must agree.

    Of int8 predictors with one threshold: those of a threshold per channel are judged on other samples.
    """
    model = make()
    batches = feeds(model, 20)
    work = model_work(base(model), {"input": (1, *batches[0]["input"].shape[1:])})
    for layer in site_layers(cut(base(model)), batches):
        name = layer.site.name
        made = flop_options(layer, work.sites[name].dense, [PredictorSpec("int8")])
        for option in made.options[::2]:
            changed = configured(model, {name: option.setting})
            counting = CountingModel(changed)
            counting(batches[0])
            spent = reduction(
                model_work(changed, {"input": (1, *batches[0]["input"].shape[1:])}), counting.counts
            )
            assert counting.counts[name].density == pytest.approx(option.density, abs=2e-3)
            # Every other site is exact and costs what it always did.
            cost = work.dense - work.sites[name].dense + option.cost
            assert spent.selected + spent.predictor == pytest.approx(cost, rel=2e-3)


def test_the_price_of_pruned_weights(plugin_path):
    """Weights that are kept count in full."""
    layer = layers(sequential())[1]
    made = flop_options(layer, 1000.0, [PredictorSpec("pruned", 0.25)])
    assert len(made.options) > 2
    for option in made.options:
        weights = predictor_weights(layer.w, None, option.setting.settings).wp
        kept = np.count_nonzero(weights) / weights.size
        assert kept == 0.25 and option.cost == pytest.approx(1000.0 * (kept + option.density))


def test_the_price_of_fitted_weights(plugin_path):
    """As many of them are kept, whatever their values."""
    fitting = Fitting(feeds(sequential(), 1, 40)[1:], [0.25])
    layer = list(site_layers(cut(base(sequential())), feeds(sequential(), 40), fitting=fitting))[1]
    spec = PredictorSpec("pruned", 0.25, fitted=True)
    made = flop_options(layer, 1000.0, [spec])
    assert len(made.options) > 2
    for option in made.options:
        assert option.setting.settings.weights is not None
        assert option.cost == pytest.approx(1000.0 * (0.25 + option.density))


def test_the_price_of_int8(plugin_path):
    """A dearer prediction costs the difference times its weights, whose share of zeros is small."""
    layer = layers(residual())[1]
    specs = predictor_specs(RewriteOptions(predictor="int8"))
    free, quarter, full = (flop_options(layer, 1000.0, specs, price) for price in (0.0, 0.25, 1.0))
    assert free.options[0].cost == pytest.approx(1000.0 * free.options[0].density)
    assert 0.2 * 1000 < quarter.options[0].cost - free.options[0].cost <= 0.25 * 1000
    assert full.options == (), "a prediction that costs as much as the layer is no gain"


def test_a_site_that_cannot_be_predicted_has_no_options(plugin_path):
    model = matrices()
    lossless = rewritten(model, lossless=True).model
    for layer in site_layers(cut(lossless), feeds(model, 8)):
        assert not layer.can_predict
        assert flop_options(layer, 10.0, predictor_specs(RewriteOptions())).options == ()
        assert truncations(layer), "it can be truncated all the same"


def test_truncations_of_every_error(plugin_path):
    for layer in layers(sequential()):
        found = truncations(layer)
        floors = [setting.settings.floor for _, setting in found]
        assert [error for error, _ in found] == list(ERRORS)
        assert floors == sorted(floors) and floors[0] > 0
        for _, setting in found:
            setting.settings.validate(setting.choice, "here")
            assert setting.label == f"floor {setting.settings.floor:.3g}"


def test_one_floor_is_one_truncation(plugin_path):
    """Three samples of a narrow layer: errors between two values have the same floor."""
    for layer in layers(matrices(), 3):
        found = truncations(layer)
        assert len({setting.key for _, setting in found}) == len(found)
    assert len(found) < len(ERRORS)


def test_no_truncation_where_outputs_may_be_negative(plugin_path):
    net = Net()
    net.conv(net.input("input", IMAGE), "c", 4, 3)
    net.node("MaxPool", ["c"], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    (layer,) = layers(head(net, "pooled", 4), 8)
    assert layer.activation.clip_min == -np.inf and truncations(layer) == []


@pytest.mark.parametrize("predictor", [SiteSettings("int8"), SiteSettings("pruned", 0.5)])
def test_a_floor_is_predicted_as_the_user_wants(predictor):
    floor = Setting("truncate", SiteSettings(floor=0.5))
    assert with_prediction(floor, predictor) == replace(predictor, threshold=0.5, floor=0.5)
    assert with_prediction(Setting("lossless"), predictor) == predictor


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SiteSettings("int8"), "int8, 0.25 computed, error 0.10"),
        (SiteSettings("pruned", 0.15), "pruned keep 0.15, 0.25 computed, error 0.10"),
    ],
)
def test_words(settings, words):
    assert prediction_label(Calibration(settings, 0.25, 0.1, 0.15, 0.5)) == words
