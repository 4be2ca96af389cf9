"""Options, their ladder, and what a problem remembers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.budget.problem import Option, Problem, SiteOptions, Step, config_of, ladder
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.settings import Setting
from tests.search.budget.toys import Toy

FLOOR = Setting("truncate", SiteSettings(floor=0.5))
NUMBERS = st.integers(0, 12).map(float)


@given(st.lists(st.tuples(NUMBERS, NUMBERS)), NUMBERS)
def test_a_ladder_keeps_what_nothing_beats(pairs, exact):
    options = [Option(FLOOR, cost, error) for cost, error in pairs]
    kept = ladder(options, exact)
    assert all(option in options and option.cost < exact for option in kept)
    assert [o.cost for o in kept] == sorted({o.cost for o in kept}, reverse=True)
    assert [o.error for o in kept] == sorted({o.error for o in kept})
    for option in options:
        if option.cost < exact:
            assert any(k.cost <= option.cost and k.error <= option.error for k in kept)


def toy():
    return Toy([(4.0, [(3.0, 1.0), (1.0, 5.0)]), (2.0, [(1.0, 2.0)])], budget=3.0)


def test_costs_are_shares_of_the_original():
    problem = toy().problem
    first, second = problem.sites
    assert problem.cost({}) == 1.0
    assert problem.cost({"s0": first.options[1]}) == pytest.approx(4 / 7)
    assert problem.cost({"s0": first.options[0], "s1": second.options[0]}) == pytest.approx(5 / 7)
    assert Problem([], 0.0, 0.0, 0.1, problem.evaluate).cost({}) == 1.0


@pytest.mark.parametrize(
    ("drop", "allowed"),
    [(0.01, True), (0.1 + 0.2 - 0.29, True), (-1.0, True), (0.011, False), (float("nan"), False)],
)
def test_the_budget_itself_is_allowed(drop, allowed):
    problem = Problem([], 0.0, 0.0, 0.01, lambda config: Quality(0.0, 0.0))
    assert problem.allowed(Quality(drop, 0.0)) == allowed


def test_what_was_looked_at_is_noted_and_the_best_remembered():
    made = toy()
    problem, (first, second) = made.problem, made.problem.sites
    for label, chosen in (
        ("good", {"s1": second.options[0]}),
        ("too much", {"s0": first.options[1]}),
        ("best", {"s0": first.options[0], "s1": second.options[0]}),
        ("worse", {"s0": first.options[0]}),
    ):
        problem.look(label, chosen)
    assert [(step.label, step.kept) for step in problem.path] == [
        ("good", True),
        ("too much", False),
        ("best", True),
        ("worse", True),
    ]
    assert problem.path[2].loss == problem.path[2].drop == 3.0
    assert problem.path[2].cost == pytest.approx(5 / 7)
    assert problem.best == {"s0": first.options[0], "s1": second.options[0]}


def test_the_best_is_no_alias():
    made = toy()
    chosen = {"s1": made.problem.sites[1].options[0]}
    made.problem.look("one", chosen)
    chosen.clear()
    assert set(made.problem.best) == {"s1"}


def test_steps_are_plain_numbers_for_the_report():
    assert json.loads(json.dumps(Step("price 2", 0.5, 0.1, 0.0, True).as_dict(3))) == {
        "step": 3,
        "label": "price 2",
        "cost": 0.5,
        "loss": 0.1,
        "drop": 0.0,
        "kept": True,
    }


def test_configurations_are_settings_by_site():
    assert config_of({"a": Option(FLOOR, 1.0)}) == {"a": FLOOR}
    assert SiteOptions("a", 1.0, ()).flops == 0.0
