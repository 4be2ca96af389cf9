"""The budget spent on 8 bits, with a watch whose times follow from the precision of the nodes."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from spl_onnx.data.parts import SearchData
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.search.budget import precision_search
from spl_onnx.search.budget.precision_search import PrecisionSearch
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.budget.search import BudgetSearch, Found
from tests.search.network.networks import feeds, no_site, wide
from tests.search.watches import PrecisionWatch


def prepared(model=None, watch=None, **changes):
    model = model or wide()
    batches = feeds(model, 24, 24)
    given = {"data": "x", "no_verify": True, "max_drop": 0.05, "search_seconds": 1.0, **changes}
    options = RewriteOptions(**given)
    original, data = read_model(model), SearchData(batches)
    search = BudgetSearch(original, options, data)
    timed = [{"input": batches[0]["input"][:1]}]
    return PrecisionSearch(original, options, search, data, timed, watch or PrecisionWatch())


@functools.cache
def whole():
    return prepared()


class Told:
    """Judges a configuration by the names of its sites in 8 bits."""

    runs = 0

    def __init__(self, drop_of):
        self.drop_of = drop_of

    def __call__(self, config, progress=None):
        return Quality(self.drop_of(set(config)), 0.0)

    def hold(self, config, site):
        pass

    def release(self):
        pass


def precisions(plan):
    return {entry.site: entry.settings.precision for entry in plan.sites if entry.choice == "int8"}


def test_each_site_takes_the_quicker_algorithm_that_suits_it(plugin_path):
    found = whole().within(1.0)
    assert {name: option.setting.label for name, option in found.chosen.items()} == {
        "one": "int8",
        "two": "int8_winograd",
        "three": "int8_winograd",
    }
    assert found.chosen["one"].setting.settings.xscale is not None
    assert found.chosen["two"].setting.settings.xscale is None
    # Of 18 ms in float32, 3 and twice 2 are left.
    assert found.cost == pytest.approx(7 / 18) and not found.shifts
    assert [step.label for step in found.summary.path] == ["every site in 8 bits"]


def test_direct_products_where_they_are_quicker(plugin_path):
    found = prepared(watch=PrecisionWatch(int8=1.0)).within(1.0)
    assert {option.setting.label for option in found.chosen.values()} == {"int8"}


def test_8_bits_that_gain_nothing_are_no_option(plugin_path):
    made = prepared(watch=PrecisionWatch(int8=13.0, int8_winograd=13.0))
    found = made.within(1.0)
    assert not found.chosen and found.summary is None
    plan = made.choice(found).plan
    assert {entry.choice for entry in plan.sites} == {"lossless", "dense"}
    assert plan.sites[0].reason == "dense 10 ms, lossless 6 ms; int8 13 ms"


def test_8_bits_that_are_a_little_slower_are_left_to_the_clock(plugin_path):
    """Among neighbours in 8 bits a site that loses alone may gain; it is the first to be given back."""
    made = prepared(watch=PrecisionWatch(int8=9.0, int8_winograd=2.0))
    found = made.within(1.0)
    assert set(found.chosen) == {"one", "two", "three"}
    made._search.losses = lambda problem: dict.fromkeys(found.chosen, (0.1,))
    assert "one" not in made.less(found, 0.7).chosen
    plan = made.choice(Found()).plan
    assert plan.find("one", "conv_relu").reason == "dense 10 ms, lossless 6 ms; int8 9 ms"
    assert plan.find("two", "conv_relu").reason.endswith("int8 2 ms, given up for accuracy")


def test_sites_are_given_back_until_the_rest_fits(plugin_path):
    """Site `two` alone is what loses."""
    made = prepared()
    made._search.evaluator = Told(lambda sites: 0.5 if "two" in sites else 0.0)
    found = made.within(0.05)
    assert set(found.chosen) == {"one", "three"} and found.drop == 0.0
    assert not found.summary.path[0].kept, "all of them lose too much"
    plan = made.choice(found).plan
    assert precisions(plan) == {"one": "int8", "three": "int8_winograd"}
    second = plan.find("two", "conv_relu")
    assert second.choice == "lossless"
    assert second.reason == "dense 10 ms, lossless 6 ms; int8 2 ms, given up for accuracy"


def test_the_whole_is_allowed_what_it_loses(plugin_path):
    made = prepared()
    made._search.evaluator = Told(lambda sites: 0.04 if sites else 0.0)
    assert len(made.within(0.05).chosen) == 3
    assert len(made.within(0.03).chosen) == 0


def test_less_keeps_what_gains_most_for_its_loss(plugin_path, monkeypatch):
    """All gain: one 3 ms, the others 4. Of a loss of 10, a half is 5."""
    made = prepared()
    everything = made.within(1.0)
    losses = {"one": (1.0,), "two": (6.0,), "three": (3.0,)}
    monkeypatch.setattr(made._search, "losses", lambda problem: losses)
    assert set(made.less(everything, 0.5).chosen) == {"one", "three"}
    assert set(made.less(everything, 0.25).chosen) == {"one"}
    assert not made.less(everything, 0.05).chosen
    summary = made.less(everything, 0.5).summary
    assert summary.budget == pytest.approx(0.025)
    assert [step.label for step in summary.path] == ["every site in 8 bits", "0.5 of the loss"]


def test_losses_of_single_sites_are_measured(plugin_path):
    """The least change that 8 bits can make is seen, and smaller ones are kept first."""
    made = prepared()
    everything = made.within(1.0)
    losses = made._search.losses(made._problem(1.0))
    assert all(0.0 < loss < 1.0 for values in losses.values() for loss in values) and len(losses) == 3
    assert len(made.less(everything, 0.99).chosen) == 2


def test_a_model_with_all_that_is_allowed(plugin_path):
    """It is the network that was judged; a site that is not allowed is exact."""
    made = whole()
    found = made.within(1.0)
    batches = made._search._runner.batches
    session = create_session(made.everywhere(found).model)
    got = np.concatenate([run(session, fed)[0] for fed in batches])
    expected = made._search._runner.outputs({n: o.setting for n, o in found.chosen.items()})
    exact = made._search._runner.outputs({})
    # Bytes give the same bits everywhere; behind them are a mean of 64 values and sums of 8 products.
    tolerance = (64 + 8) * np.finfo(np.float32).eps * np.abs(exact).max()
    assert np.abs(got - expected).max() <= tolerance
    assert np.abs(got - exact).max() > 10 * tolerance, "8 bits give something away"
    part = replace(found, chosen={"two": found.chosen["two"]})
    plan = made.everywhere(part).plan
    assert precisions(plan) == {"two": "int8_winograd"}
    assert {entry.choice for entry in plan.sites} == {"int8", "lossless", "dense"}


def test_nothing_given_away_is_exact(plugin_path):
    plan = whole().choice(Found()).plan
    assert [entry.choice for entry in plan.sites] == ["lossless", "lossless", "lossless", "dense"]


def test_a_model_without_sites(plugin_path):
    made = prepared(no_site())
    found = made.within(1.0)
    assert not found.chosen
    assert made.choice(found).summary.note.startswith("nothing worth converting")


def test_sites_that_cannot_be_set_stay_exact(plugin_path, monkeypatch):
    """Those in bodies of If and Loop: a segment has the whole node."""
    monkeypatch.setattr(precision_search.BudgetSearch, "sites", ["one"])
    assert set(prepared().within(1.0).chosen) == {"one"}


@pytest.mark.parametrize("choices", ["int8", "dense,int8"])
def test_8_bits_or_nothing(plugin_path, choices):
    """What is not allowed them stays dense."""
    made = prepared(choices=choices)
    made._search.evaluator = Told(lambda sites: 0.5 if "two" in sites else 0.0)
    found = made.within(0.05)
    assert set(found.chosen) == {"one", "three"}
    for plan in (made.everywhere(found).plan, made.choice(found).plan):
        assert [entry.choice for entry in plan.sites] == ["int8", "dense", "int8", "dense"]
