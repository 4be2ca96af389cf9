"""Smaller and smaller budgets, until the samples of the report agree."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from spl_onnx.data.parts import SearchData
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.attempts import attempts
from spl_onnx.search.budget.time_search import TimeSearch
from spl_onnx.search.budget.tries import SHARES, tries
from spl_onnx.steps import carry_out_found
from tests.rewrite.builders import TOLERANCE
from tests.search.budget.test_time_search import FloorWatch
from tests.search.network.networks import feeds, no_site, residual, wide
from tests.search.watches import PrecisionWatch

SHAPES = {"input": (1, 3, 8, 8)}


@pytest.fixture
def watch(monkeypatch):
    """A watch without a clock wherever the searches make one."""
    made = FloorWatch()
    monkeypatch.setattr("spl_onnx.search.budget.attempts.SessionStopwatch", lambda *args: made)
    return made


def tried(check=lambda result: True, model=None, most=None, **changes):
    """All attempts, or at most so many, and what was checked on the way."""
    model = model or residual()
    batches = feeds(model, 24, 24)
    checked = []

    def noted(result):
        checked.append(result)
        return check(result)

    options = RewriteOptions(
        **{
            "data": "x",
            "precision": "float32",
            "no_verify": True,
            "max_drop": 0.05,
            "search_seconds": 1.0,
            **changes,
        }
    )
    single = [{"input": batches[0]["input"][:1]}]
    original, weights = read_model(model), SiteWeights()
    made = attempts(original, options, SearchData(batches), single, SHAPES, noted)
    results = [
        carry_out_found(original, attempt.plan, attempt.found, options, weights)
        for attempt in itertools.islice(made, most)
    ]
    return model, batches, results, checked


@functools.cache
def operations(scheme):
    """All attempts with operations as the objective."""
    return tried(objective="flops", predictor="int8", scheme=scheme)


def outputs(model, batches):
    session = create_session(model)
    return np.concatenate([run(session, fed)[0] for fed in batches])


@pytest.mark.parametrize("scheme", ["lagrange", "los"])
def test_operations_give_less_and_less_away_down_to_nothing(plugin_path, scheme):
    model, _, results, checked = operations(scheme)
    reports = [result.report["search"] for result in results]
    wanted = tries(scheme)
    assert [report["attempt"] for report in reports] == list(range(1, len(wanted) + 2))
    assert [report["scheme"] for report in reports[:-1]] == [made for made, _ in wanted]
    assert [r["budget"] for r in reports[:-1]] == pytest.approx([0.05 * share for _, share in wanted])
    costs = [report["cost"] for report in reports]
    assert costs == sorted(costs) and costs[0] < costs[-1] == 1.0
    assert {(report["objective"], report["cost_unit"]) for report in reports} == {("flops", "flops")}
    assert all(report["seconds"] >= 0 for report in reports) and not checked
    last = results[-1]
    assert last.model.SerializeToString() == model.SerializeToString()
    assert not any(entry.is_rewritten for entry in last.plan.sites)
    assert reports[-1]["note"] == "nothing worth converting within the budget"
    assert reports[-1]["search_drop"] == 0.0 and reports[-1]["path"]
    assert "note" not in reports[0]


def test_models_of_operations_are_their_plans(plugin_path):
    _, _, results, _ = operations("lagrange")
    for result in results[:2]:
        assert any(entry.choice == "predict" for entry in result.plan.sites)
        assert sum(node.op_type == "SPLPredict" for node in result.model.graph.node) == sum(
            entry.choice == "predict" for entry in result.plan.sites
        )


def test_time_gives_less_and_less_away_down_to_exact_layers(plugin_path, watch):
    model, batches, results, checked = tried()
    reports = [result.report["search"] for result in results]
    budgets = [report["budget"] for report in reports]
    assert budgets[0] == 0.05 and budgets == sorted(budgets, reverse=True)
    assert {(report["objective"], report["cost_unit"]) for report in reports} == {("time", "time")}
    assert len(checked) == len(results) - 2, "every truncated network is checked before it is made quick"
    truncated = [any(e.settings.floor for e in result.plan.sites) for result in results]
    assert truncated == [True] * (len(results) - 2) + [False, False]
    assert {entry.choice for entry in results[-1].plan.sites} <= {"dense", "lossless"}
    exact = outputs(model, batches)
    assert np.abs(outputs(results[-1].model, batches) - exact).max() <= TOLERANCE * np.abs(exact).max()
    assert reports[-1]["cost"] == 1.0 and reports[-1]["search_drop"] == 0.0 and reports[-1]["path"]


def test_what_the_report_refuses_is_not_made_quick(plugin_path, watch):
    """All settings fail the check: no time is spent on them."""
    _, _, results, checked = tried(check=lambda result: False)
    assert len(checked) == len(SHARES) and len(results) == 2
    assert not any(e.settings.floor for result in results for e in result.plan.sites)
    for result in checked:
        assert {e.choice for e in result.plan.sites if e.rule != "none"} <= {"lossless", "truncate"}


def test_shifts_of_the_choice_by_time_are_settled(plugin_path, watch, monkeypatch):
    """The plan that is yielded has the shifts of its own sites."""
    settled = []
    plain = TimeSearch.settled

    def noted(self, plan):
        settled.append(plain(self, plan))
        return settled[-1]

    monkeypatch.setattr(TimeSearch, "settled", noted)
    _, _, results, _ = tried(most=1)
    assert settled and results[0].plan == settled[0]
    shifts = [e.settings.shift for e in results[0].plan.sites]
    assert any(shifts)


@pytest.mark.parametrize("objective", ["time", "flops"])
def test_a_model_without_sites(plugin_path, watch, objective):
    model, _, results, _ = tried(model=no_site(), objective=objective)
    for result in results:
        assert result.model.SerializeToString() == model.SerializeToString()
        assert result.report["search"]["note"].startswith("nothing worth converting")


def test_predictions_only(plugin_path, watch):
    """Who wants predictions or nothing gets nothing in the end."""
    model, _, results, _ = tried(choices="predict")
    assert {e.choice for e in results[0].plan.sites} <= {"dense", "predict"}
    assert results[-1].model.SerializeToString() == model.SerializeToString()


@pytest.fixture
def quick_bytes(monkeypatch):
    """A watch without a clock, for which 8 bits are quickest."""
    made = PrecisionWatch()
    monkeypatch.setattr("spl_onnx.search.budget.attempts.SessionStopwatch", lambda *args: made)
    return made


def in_8_bits(result):
    return sum(entry.choice == "int8" for entry in result.plan.sites)


def test_8_bits_lose_less_and_less_down_to_exact_layers(plugin_path, quick_bytes):
    model, batches, results, checked = tried(model=wide(), precision="auto")
    reports = [result.report["search"] for result in results]
    counts = [in_8_bits(result) for result in results]
    assert counts[0] == 3 and counts[-1] == 0 and counts == sorted(counts, reverse=True)
    assert all(count < counts[0] for count in counts[1:]), "a half of the loss is not the whole"
    assert len(checked) == len(results) - 1, "every network is checked before it is made quick"
    assert reports[0]["budget"] == 0.05 and reports[0]["scheme"] == "lagrange" and reports[0]["faster"]
    assert reports[-1]["cost"] == 1.0 and reports[-1]["search_drop"] == 0.0
    exact = outputs(model, batches)
    assert np.abs(outputs(results[-1].model, batches) - exact).max() <= TOLERANCE * np.abs(exact).max()


def test_8_bits_that_the_report_refuses_are_not_made_quick(plugin_path, quick_bytes):
    _, _, results, checked = tried(lambda result: False, wide(), precision="auto")
    assert 1 < len(checked) <= len(SHARES) and len(results) == 1
    assert in_8_bits(results[0]) == 0 < in_8_bits(checked[0])
