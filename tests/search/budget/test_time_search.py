"""The budget spent on time, with a watch whose times follow from the floors of a model."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from spl_onnx.data.parts import SearchData
from spl_onnx.measure.profile import NodeTime
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings, numbers
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.producers import producers
from spl_onnx.search.budget.search import BudgetSearch
from spl_onnx.search.budget.time_search import TimeSearch
from spl_onnx.search.settings import Setting
from spl_onnx.search.time.by_time import converted_alike
from spl_onnx.spec.attributes import PREDICT, SRMM
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import TOLERANCE
from tests.search.network.networks import feeds, residual
from tests.search.watches import FakeWatch

SITES = ("a", "b", "sum", "last")
#: Every layer takes 10 ms dense, and 9 ms when the zeros of its inputs are skipped and none is added.
DENSE, LOSSLESS = 10.0, 9.0


class FloorWatch(FakeWatch):
    """Zeros that a floor makes save time in the site behind it, up to 8 ms for a floor of 1."""

    def __init__(self):
        super().__init__(lambda node: 0.0)
        self.told = []

    def profiles(self, models, progress=None):
        if progress is not None:
            progress(len(models))
        self.told.append(len(models))
        return super().profiles(models)

    def open(self, model):
        return sum(event.ms for event in self._run(model))

    def _run(self, model):
        floors = {_site(n): _floor(n) for n in model.graph.node if n.op_type == SRMM}
        feeding = producers(model) if floors else {}
        return [NodeTime(n.name, n.op_type, self._ms(n, floors, feeding)) for n in model.graph.node]

    @staticmethod
    def _ms(node, floors, feeding):
        if node.op_type == "Conv":
            return DENSE
        if node.op_type == PREDICT:
            return 1.0
        if node.op_type != SRMM:
            return 0.0
        site = _site(node)
        fed = sum(share * floors[other] for other, share in feeding.get(site, {}).items())
        return LOSSLESS - 8 * min(floors[site] if node.input[3] else fed, 1.0)


def _site(node):
    return node.name.rpartition("/")[0]


def _floor(node):
    return next(a.f for a in node.attribute if a.name == "floor")


@functools.cache
def prepared(**changes):
    model = residual()
    batches = feeds(model, 24, 24)
    options = RewriteOptions(**{"data": "x", "precision": "float32", "no_verify": True, **changes})
    search = BudgetSearch(read_model(model), options, SearchData(batches))
    watch = FloorWatch()
    return model, batches, search, watch, TimeSearch(read_model(model), options, search, watch)


def outputs(model, batches):
    session = create_session(model)
    return np.concatenate([run(session, fed)[0] for fed in batches])


def test_the_network_is_timed_one_level_after_the_other(plugin_path):
    """The original with lossless and predicted ones, without and with two floors: three at a time."""
    _, _, _, watch, made = prepared()
    assert watch.told == [3, 3, 3]
    assert made._model.total == pytest.approx(4 * LOSSLESS)


def test_progress_of_the_timing_is_told(plugin_path):
    model, _, search, _, _ = prepared()
    told = []

    class Stages:
        def __init__(self, what, total):
            told.append(what)

        def __enter__(self):
            return told.append

        def __exit__(self, *error):
            return None

    TimeSearch(read_model(model), RewriteOptions(data="x", no_verify=True), search, FloorWatch(), Stages)
    assert told == ["timing truncated networks", 3, 3, 3]


def test_a_budget_buys_floors(plugin_path):
    _, _, _, _, made = prepared()
    found, settings = made.truncated(0.05)
    assert found.chosen and found.drop <= 0.05 and found.cost < 0.9
    assert {option.setting.choice for option in found.chosen.values()} == {"truncate"}
    assert {site for site, _ in settings} == set(SITES)
    for (site, rule), setting in settings.items():
        assert rule == ("conv_add_relu" if site == "sum" else "conv_relu")
        floor = found.chosen[site].setting.settings.floor if site in found.chosen else None
        assert setting["lossless"].floor == setting["predict"].floor == floor
        assert setting["predict"].threshold == floor and setting["predict"].predictor == "int8"
        assert setting["lossless"].shift == setting["predict"].shift
        assert (setting["lossless"].shift is not None) == (site in found.shifts)
        for choice, settings in setting.items():
            settings.validate(called(choice, settings), site)
    assert found.shifts, "what lies behind a floor is moved"


def test_levels_applied_are_what_was_judged(plugin_path):
    """All sites lossless with their settings: exactly the configuration whose drop is known."""
    model, batches, search, _, made = prepared()
    found, settings = made.truncated(0.05)
    options = RewriteOptions(rules="all", lossless=True, no_verify=True)
    result = converted_alike(read_model(model), options, settings, SiteWeights())["lossless"].model
    config = {name: option.setting for name, option in found.chosen.items()}
    judged = search.evaluator._runner.outputs(config)
    assert np.abs(outputs(result, batches) - judged).max() <= TOLERANCE * np.abs(judged).max()


def test_a_site_that_gains_nobody_anything_is_not_truncated(plugin_path):
    """`last` feeds no site, and without predictions its own floor saves nothing."""
    _, _, _, _, made = prepared(choices="dense,lossless")
    found, _ = made.truncated(1.0)
    assert set(found.chosen) == {"a", "b", "sum"}


def test_no_budget_no_floor(plugin_path):
    _, _, _, _, made = prepared(metric="mse")
    found, settings = made.truncated(0.0)
    assert found.chosen == {} and found.shifts == {}
    assert all(
        setting == {"lossless": NOTHING_SET, "predict": SiteSettings("int8")} for setting in settings.values()
    )


def test_the_predictor_of_the_user(plugin_path):
    _, _, _, _, made = prepared(predictor="pruned", keep=0.5)
    found, settings = made.truncated(0.05)
    for (site, _), setting in settings.items():
        assert (setting["predict"].predictor, setting["predict"].keep) == ("pruned", 0.5)
        assert (setting["predict"].threshold is not None) == (site in found.chosen)


def called(choice, settings):
    """What a plan calls a choice with such settings."""
    return Choice("truncate" if choice == "lossless" and settings != NOTHING_SET else choice)


def plan_with(choices, settings):
    """A choice by time."""
    entries = []
    for (site, rule), setting in settings.items():
        choice = choices[site]
        settings = NOTHING_SET if choice == "dense" else setting[choice]
        entries.append(SitePlan(site, rule, called(choice, settings), settings))
    return Plan(entries)


def test_where_all_are_converted_shifts_stay(plugin_path):
    _, _, _, _, made = prepared()
    _, settings = made.truncated(0.05)
    plan = plan_with(dict.fromkeys(SITES, "lossless"), settings)
    settled = made.settled(plan)
    for before, after in zip(plan.sites, settled.sites, strict=True):
        assert after.settings.floor == before.settings.floor
        assert after.settings.shift == before.settings.shift
        assert after.choice == before.choice


def test_behind_a_site_that_stays_dense_nothing_is_missing(plugin_path):
    """Only the first site was truncated, and it stays dense: the network is exact again."""
    _, _, search, _, made = prepared()
    floor = Setting("truncate", SiteSettings(floor=0.4))
    search.evaluator._runner.outputs({"a": floor})
    shifts = {name: numbers(values) for name, values in search.evaluator._runner.shifts.items()}
    settings = made._by_choice({"a": floor}, shifts)
    plan = plan_with({"a": "dense", "b": "lossless", "sum": "lossless", "last": "lossless"}, settings)
    assert all(entry.settings.shift is not None for entry in plan.sites[1:])
    settled = made.settled(plan)
    assert [entry.choice for entry in settled.sites] == ["dense", "lossless", "lossless", "lossless"]
    assert all(entry.settings == NOTHING_SET for entry in settled.sites)
    assert plan.sites[1].settings.shift is not None, "the plan that is passed in stays as it is"


def test_settled_shifts_are_those_of_the_model_that_is_made(plugin_path):
    """With a dense site in between, predicted and truncated ones: nearer to the original than before."""
    model, batches, search, _, made = prepared()
    _, settings = made.truncated(0.2)
    choices = {"a": "predict", "b": "dense", "sum": "lossless", "last": "lossless"}
    plan = plan_with(choices, settings)
    settled = made.settled(plan)
    assert [entry.choice for entry in settled.sites] == ["predict", "dense", "truncate", "truncate"]
    for entry in settled.sites:
        entry.validate()
    config = {
        e.site: Setting(e.choice, replace(e.settings, shift=None)) for e in settled.sites if e.is_rewritten
    }
    shifts = search.shifts_of(config, ["a", "sum", "last"])
    assert {e.site: e.settings.shift for e in settled.sites} == {
        site: numbers(shifts[site]) if site in shifts else None for site in SITES
    }
    exact = outputs(model, batches)
    rest = [SitePlan("logits", "none", "dense")]
    off = []
    for each in (plan, settled):
        made_model = rewrite_model(model, RewriteOptions(no_verify=True), Plan([*each.sites, *rest])).model
        off.append(np.square(outputs(made_model, batches) - exact).mean())
    assert off[1] < off[0]
