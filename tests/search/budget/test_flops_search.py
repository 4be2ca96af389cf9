"""The objective of the paper: operations that need not be done."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from spl_onnx.data.parts import SearchData
from spl_onnx.measure.flops import model_work, reduction
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.statistics import CountingModel
from spl_onnx.options import SCHEMES, RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.search.budget.flops_search import FlopsSearch, flops_plan
from spl_onnx.search.budget.problem import config_of
from spl_onnx.search.budget.search import BudgetSearch, Found
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import TOLERANCE
from tests.search.network.networks import branches, feeds, matrices, residual, sequential, site_in_a_body

MODELS = {make.__name__: make for make in (sequential, residual, branches, matrices)}


def options(**changes):
    return RewriteOptions(
        **{"data": "x", "objective": "flops", "predictor": "int8", "no_verify": True, **changes}
    )


@functools.cache
def prepared(name, predictor="int8"):
    """A search that all tests of a network share: what it has measured stays right."""
    model = MODELS[name]()
    batches = feeds(model, 24, 24)
    search = BudgetSearch(read_model(model), options(predictor=predictor), SearchData(batches))
    shapes = {"input": (1, *batches[0]["input"].shape[1:])}
    return model, batches, search, FlopsSearch(search, options(predictor=predictor), shapes)


def whole(model, batches):
    session = create_session(model)
    return np.concatenate([run(session, fed)[0] for fed in batches])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", MODELS)
def test_the_plan_does_what_the_search_has_judged(plugin_path, name, scheme):
    """Value by value, through the text of a plan and without data."""
    model, batches, search, flops = prepared(name)
    found = flops.find(0.03, scheme)
    plan = flops_plan(read_model(model), options(), found)
    assert found.chosen and found.summary.scheme == scheme
    made = rewrite_model(model, options(data=None), Plan.from_json(plan.to_json())).model
    judged = search.evaluator._runner.outputs(config_of(found.chosen))
    assert np.abs(whole(made, batches) - judged).max() <= TOLERANCE * np.abs(judged).max()


@pytest.mark.parametrize("name", MODELS)
def test_the_cost_is_the_work_that_is_counted(plugin_path, name):
    """With a budget of one decision of 48, densities are nearly those of the exact network."""
    model, batches, _, flops = prepared(name)
    found = flops.find(0.021)
    made = rewrite_model(model, options(), flops_plan(read_model(model), options(), found)).model
    counting = CountingModel(made)
    for fed in batches:
        counting(fed)
    shapes = {"input": (1, *batches[0]["input"].shape[1:])}
    work = reduction(model_work(made, shapes), counting.counts)
    spent = (work.selected + work.predictor) / work.dense
    assert spent == pytest.approx(found.cost, abs=0.03) and found.cost < 0.95


def test_entries_say_what_became_of_each_site(plugin_path):
    model, _, _, flops = prepared("residual")
    found = flops.find(0.03)
    site, *rest = found.chosen
    only = Found({site: found.chosen[site]}, {rest[-1]: np.float32([0.5] * 4)})
    plan = flops_plan(read_model(model), options(), only)
    entries = {entry.site: entry for entry in plan.sites}
    chosen, moved = entries[site], entries[rest[-1]]
    assert chosen.choice == "predict" and chosen.reason == found.chosen[site].setting.label
    assert chosen.settings == found.chosen[site].setting.settings
    assert (moved.choice, moved.settings) == ("truncate", SiteSettings(shift=[0.5] * 4))
    assert moved.reason == "exact but for its bias"
    others = [entry for name, entry in entries.items() if name not in (site, rest[-1], "logits")]
    assert {(entry.choice, entry.reason) for entry in others} == {
        ("dense", "nothing to gain within the budget")
    }
    assert entries["logits"].rule == "none" and "nothing to gain" not in entries["logits"].reason


def test_writing_a_plan_does_not_change_what_was_found(plugin_path):
    model, _, _, flops = prepared("residual")
    found = flops.find(0.03)
    before = {name: option.setting.settings for name, option in found.chosen.items()}
    for _ in range(2):
        plan = flops_plan(read_model(model), options(), found)
    assert {name: option.setting.settings for name, option in found.chosen.items()} == before
    assert any(entry.settings.shift is not None for entry in plan.sites)


def test_nothing_found_is_a_plan_of_dense_sites():
    plan = flops_plan(read_model(residual()), options(), Found())
    assert {entry.choice for entry in plan.sites} == {"dense"}


def test_sites_in_bodies_stay_dense(plugin_path):
    model = site_in_a_body()
    batches = feeds(model, 40)
    search = BudgetSearch(read_model(model), options(), SearchData(batches))
    found = FlopsSearch(search, options(), {"input": (1, 3, 8, 8)}).find(0.1)
    entries = {e.site: e.choice for e in flops_plan(read_model(model), options(), found).sites}
    assert entries["inner"] == "dense" and "predict" in (entries["a"], entries["last"])


@pytest.mark.parametrize("predictor", ["int8", "pruned"])
def test_the_predictor_of_the_user(plugin_path, predictor):
    _, _, _, flops = prepared("sequential", predictor)
    found = flops.find(0.05)
    assert {option.setting.settings.predictor for option in found.chosen.values()} == {predictor}


def test_sites_are_calibrated_once(plugin_path, monkeypatch):
    _, _, search, _ = prepared("sequential")
    calls = []
    plain = search.layers
    monkeypatch.setattr(search, "layers", lambda keeps: calls.append(keeps) or plain(keeps))
    flops = FlopsSearch(search, options(), {"input": (1, 3, 8, 8)})
    flops.find(0.05)
    flops.find(0.02)
    assert calls == [[]], "int8 predictors need no fit"
