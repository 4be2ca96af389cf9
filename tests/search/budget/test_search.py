"""The network prepared for searches: sampled, judged, stopped, resumed."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from spl_onnx.calibrate.site import PredictorSpec
from spl_onnx.data.parts import SearchData
from spl_onnx.errors import DataError, UsageError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import converted_sites
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.search.budget.problem import Option, SiteOptions, config_of, ladder
from spl_onnx.search.budget.quality import Judge
from spl_onnx.search.budget.search import (
    LOSS_SAMPLES,
    BudgetSearch,
    predicted_everywhere,
)
from spl_onnx.search.budget.site_options import flop_options, truncations
from spl_onnx.search.settings import Setting
from tests.search.network.networks import (
    configured,
    feeds,
    matrices,
    residual,
    sequential,
    site_in_a_body,
)

SCHEMES = ("lagrange", "price", "los", "rlos", "fdos", "saos")


def answers(model, batches):
    """Decisions of the original: with them as labels it is always right."""
    session = create_session(model)
    return np.concatenate([np.argmax(run(session, fed)[0], axis=1) for fed in batches])


def searching(model=None, sizes=(20, 20, 20), labelled=False, **options):
    model = model or residual()
    batches = feeds(model, *sizes)
    labels = answers(model, batches) if labelled else None
    made = RewriteOptions(**{"data": "x", "objective": "flops", **options})
    return BudgetSearch(read_model(model), made, SearchData(batches, labels))


@functools.cache
def options_of_sites():
    """Of the residual network, whose samples are the same in all tests."""
    specs = [PredictorSpec("int8"), *(PredictorSpec("pruned", keep, weighted=True) for keep in (0.1, 0.2))]
    return [flop_options(layer, 100.0, specs) for layer in searching().layers()]


def problem_of(search, budget=0.017):
    sites = options_of_sites()
    return search.problem(sites, 50.0, 50.0 + 100.0 * len(sites), budget)


@pytest.mark.parametrize("rules", ["default", "all", ("default",), "default,lrn"])
def test_every_site_is_predicted(rules):
    """Default rules are those of a rewrite without data; where something decides, all are looked at."""
    made = predicted_everywhere(read_model(residual()), RewriteOptions(rules=rules))
    assert [site.name for site in converted_sites(made)] == ["a", "b", "sum", "last"]
    assert all(site.selection for site in converted_sites(made))


def test_rules_of_the_user_limit_the_sites():
    for options in ({"rules": "conv_add_relu"}, {"rules": "all", "skip_rules": "conv_relu"}):
        made = predicted_everywhere(read_model(residual()), RewriteOptions(**options))
        assert [site.name for site in converted_sites(made)] == ["sum"]


def test_sites_in_bodies_stay_as_they_are():
    model = site_in_a_body()
    before = model.SerializeToString()
    made = predicted_everywhere(read_model(model), RewriteOptions())
    body = next(n for n in made.graph.node if n.op_type == "If").attribute[0].g
    assert {node.op_type for node in body.node} & {"SRMM", "SPLPredict"} == set()
    assert [site.name for site in converted_sites(made)] == ["a", "last"]
    assert model.SerializeToString() == before


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("labelled", [False, True])
def test_what_is_found_is_within_the_budget_and_saves(plugin_path, scheme, labelled):
    search = searching(labelled=labelled, scheme=scheme)
    found = search.search(problem_of(search))
    assert found.chosen and found.cost < 0.8 and found.drop <= 0.017
    assert search.evaluator(config_of(found.chosen)).drop == found.drop
    summary = json.loads(json.dumps(found.summary.as_json()))
    assert (summary["scheme"], summary["budget"], summary["stopped"]) == (scheme, 0.017, None)
    assert summary["metric"] == ("top1" if labelled else "agreement")
    assert summary["cost"] == found.cost and summary["search_drop"] == found.drop
    assert summary["path"][0]["step"] == 0 and len(summary["path"]) > 3
    assert summary["evaluations"] >= len(summary["path"]) > 0


def test_what_is_found_does_the_same_when_it_is_written_down(plugin_path):
    """Settings and shifts in a plan, applied by the rewriter, judged by the metric alone."""
    model = residual()
    search = searching(model)
    found = search.search(problem_of(search))
    batches = feeds(model, 20, 20, 20)
    assert found.shifts
    session = create_session(configured(model, config_of(found.chosen), found.shifts))
    now = np.concatenate([np.argmax(run(session, fed)[0], axis=1) for fed in batches])
    assert np.mean(now != answers(model, batches)) == pytest.approx(found.drop)


def test_a_wider_budget_saves_more_and_nothing_is_measured_twice(plugin_path):
    search = searching()
    narrow = search.search(problem_of(search))
    alone = search._alone.runs
    wide = search.search(problem_of(search, 0.05))
    assert wide.cost < narrow.cost and search._alone.runs == alone > 0
    other = search.search(problem_of(search))
    assert other.chosen == narrow.chosen


def test_where_8_bits_are_weighed_decisions_are_judged_by_their_scores(plugin_path):
    for precision in ("auto", "float32"):
        search = searching(labelled=True, objective="time", precision=precision)
        found = search.search(problem_of(search, 0.03))
        outputs_of = search.evaluator._runner.outputs
        reference, outputs = outputs_of({}), outputs_of(config_of(found.chosen))
        likely = Judge(reference, search._data.labels, "top1", likely=True).quality(outputs)
        counted = Judge(reference, search._data.labels, "top1").quality(outputs)
        assert counted.drop > likely.drop
        assert found.drop == (likely if precision == "auto" else counted).drop


def test_nothing_is_given_away_without_a_budget_for_it(plugin_path):
    search = searching(metric="mse")
    found = search.search(problem_of(search, 0.0))
    assert found.chosen == {} and found.shifts == {} and found.cost == 1.0 and found.drop == 0.0


def test_the_objective_with_the_time_visits_every_site_and_counts_no_gains(plugin_path):
    found = {}
    for objective in ("time", "flops"):
        search = searching(labelled=True, objective=objective, precision="float32")
        found[objective] = search.search(problem_of(search, 0.03))
        outputs_of = search.evaluator._runner.outputs
        outputs = outputs_of(config_of(found[objective].chosen))
        gaining = Judge(outputs_of({}), search._data.labels, "top1").quality(outputs)
        assert (found[objective].drop == gaining.drop) == (objective == "time")
    visits = [step.label for step in found["flops"].summary.path if "computed" in step.label]
    assert {label.split(":")[0] for label in visits} == {site.site for site in options_of_sites()}
    assert len(found["time"].summary.path) < len(found["flops"].summary.path)


def test_the_price_alone_visits_no_site(plugin_path):
    """Not even with the objective that has the time."""
    search = searching(labelled=True, objective="flops")
    whole = search.search(problem_of(search, 0.03))
    alone = search.search(problem_of(search, 0.03), "price")
    assert alone.summary.scheme == "price" and alone.chosen and alone.drop <= 0.03
    assert len(alone.summary.path) < len(whole.summary.path) and whole.cost <= alone.cost


def test_a_problem_without_sites(plugin_path):
    search = searching()
    assert search.search(search.problem([], 10.0, 10.0, 0.1)).chosen == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_stopping_keeps_the_best_so_far(plugin_path, scheme):
    search = searching(scheme=scheme)
    problem = problem_of(search)
    ask, asked = problem.evaluate, []

    def stopping(config):
        asked.append(config)
        if len(asked) > 4:
            raise KeyboardInterrupt
        return ask(config)

    problem.evaluate = stopping
    found = search.search(problem)
    assert found.summary.stopped == "stopped by Ctrl-C: the best so far"
    assert found.chosen == problem.best and len(found.summary.path) == 4
    assert found.drop <= 0.017 and found.cost == min([1.0, *(s.cost for s in problem.path if s.kept)])


def test_stopping_before_anything_is_known(plugin_path):
    """While the losses of single sites are measured, no whole network has been judged."""
    search = searching()

    def stopping(config, progress=None):
        raise KeyboardInterrupt

    search._alone._runner.outputs = stopping
    found = search.search(problem_of(search))
    assert found.chosen == {} and found.cost == 1.0 and found.summary.stopped


def test_resuming_runs_only_what_is_new(plugin_path, tmp_path):
    path = str(tmp_path / "journal")
    first = searching(resume=path)
    wanted = first.search(problem_of(first))
    again = searching(resume=path)
    found = again.search(problem_of(again))
    assert found.chosen == wanted.chosen and found.drop == wanted.drop
    assert again.evaluator.runs == again._alone.runs == 0 < first.evaluator.runs
    assert all((found.shifts[name] == wanted.shifts[name]).all() for name in wanted.shifts)


@pytest.mark.parametrize(
    "other",
    [
        {"metric": "mse"},
        {"labelled": True},
        {"sizes": (20, 20, 19)},
        {"sizes": (30, 30)},
        {"skip_rules": "conv_add_relu"},
        {"objective": "time"},
        {"model": "sequential"},
    ],
)
def test_a_journal_of_another_search_is_refused(plugin_path, tmp_path, other):
    path = str(tmp_path / "journal")
    searching(resume=path)
    if "model" in other:
        other = {"model": sequential()}
    with pytest.raises(UsageError, match="it belongs to a search with another model, data or options"):
        searching(resume=path, **other)


def test_labels_that_changed_are_other_data(plugin_path, tmp_path):
    path = str(tmp_path / "journal")
    model = residual()
    batches = feeds(model, 40)
    labels = answers(model, batches)
    options = RewriteOptions(data="x", objective="flops", resume=path)
    BudgetSearch(read_model(model), options, SearchData(batches, labels))
    BudgetSearch(read_model(model), options, SearchData(batches, labels.copy()))
    labels[3] = (labels[3] + 1) % 5
    with pytest.raises(UsageError, match="another model, data or options"):
        BudgetSearch(read_model(model), options, SearchData(batches, labels))


def test_labels_that_do_not_fit(plugin_path):
    model = residual()
    batches = feeds(model, 8)
    with pytest.raises(DataError, match="labels go from 0 to 7, wanted 0 to 4"):
        BudgetSearch(read_model(model), RewriteOptions(data="x"), SearchData(batches, np.arange(8)))


def test_losses_alone_come_from_fewer_samples(plugin_path):
    search = searching(sizes=(30, 30, 30))
    assert search.judge.samples == 90 and 30 < LOSS_SAMPLES <= 60
    assert search._alone._judge.samples == 60


def test_fitted_weights_have_samples_of_their_own(plugin_path, monkeypatch):
    """Half where there are few; none are taken away where nothing is fitted."""
    seen = []

    def noted(segments, batches, threads, progress, fitting):
        seen.append(
            [sum(len(fed["input"]) for fed in part) for part in (batches, fitting.batches if fitting else ())]
        )
        return iter(())

    monkeypatch.setattr("spl_onnx.search.budget.search.site_layers", noted)
    model = residual()
    for batch, count in ((5, 8), (20, 4), (32, 9)):
        search = BudgetSearch(read_model(model), RewriteOptions(), SearchData(feeds(model, *[batch] * count)))
        list(search.layers())
        list(search.layers((0.2,)))
    assert seen == [[40, 0], [20, 20], [80, 0], [40, 40], [64, 0], [64, 128]]


@pytest.mark.parametrize("make", [residual, matrices])
def test_shifts_where_some_sites_keep_their_bias(plugin_path, make):
    """As in a rewritten model where these sites are dense: nothing of theirs moves."""
    search = searching(make())
    first, *others = [layer.site.name for layer in search.layers()]
    config = {first: Setting("truncate", SiteSettings(floor=0.3))}
    every = search.shifts_of(config, [first, *others])
    search.evaluator._runner.outputs(config)
    assert all((search.evaluator._runner.shifts[name] == every[name]).all() for name in every)
    some = search.shifts_of(config, [others[-1]])
    assert set(some) <= {others[-1]} and set(every) >= set(some)
    assert search.shifts_of({}, others) == {}


def test_sites_of_any_ladder_may_be_searched(plugin_path):
    """Truncations as well as predictions."""
    search = searching()
    sites = []
    for layer in search.layers():
        options = [Option(setting, 10.0 - error, error) for error, setting in truncations(layer)]
        sites.append(SiteOptions(layer.site.name, 10.0, ladder(options, 10.0), 10.0))
    found = search.search(search.problem(sites, 0.0, 10.0 * len(sites), 0.05))
    assert {option.setting.choice for option in found.chosen.values()} == {"truncate"}
