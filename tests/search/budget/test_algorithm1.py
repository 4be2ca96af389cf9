"""Algorithm 1 on networks whose best configuration is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.search.budget.algorithm1 import (
    ORDERS,
    algorithm_1,
    bisect,
    cheaper,
    in_order,
    susceptibility,
    visit,
)
from tests.search.budget.toys import Toy, random_toy


def by_hand(toy, names):
    """The cheapest allowed option of every site, tried one after the other."""
    chosen = {}
    sites = {site.site: site for site in toy.problem.sites}
    for name in names:
        for option in sites[name].options:
            if toy.loss({**chosen, name: option}) <= toy.problem.budget:
                chosen[name] = option
    return chosen


@given(st.integers(0, 30), st.integers(0, 30))
def test_bisection_finds_the_last_allowed_one(count, allowed):
    asked = []

    def is_allowed(i):
        asked.append(i)
        return i < allowed

    wanted = min(allowed, count) - 1
    assert bisect(range(count), is_allowed) == (None if wanted < 0 else wanted)
    assert len(asked) == len(set(asked)) <= count.bit_length() + 1


def test_the_cheapest_option_is_tried_first():
    asked = []
    assert bisect([10, 20, 30], lambda option: asked.append(option) or True) == 2
    assert asked == [30]


#: Ladders of 3 sites: dense work 2, 9 and 5; the middle options lose 3, 1 and 2.
LADDERS = [
    (2.0, [(1.5, 1.0), (1.0, 3.0), (0.5, 4.0)]),
    (9.0, [(5.0, 0.5), (4.0, 1.0), (2.0, 3.0)]),
    (5.0, [(4.0, 1.0), (3.0, 2.0), (1.0, 3.0)]),
]
VISITS = {
    "los": ["s0", "s1", "s2"],
    "rlos": ["s2", "s1", "s0"],
    "fdos": ["s1", "s2", "s0"],
    "saos": ["s1", "s2", "s0"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_orders(order):
    problem = Toy(LADDERS, 4.0).problem
    assert [site.site for site in in_order(problem, order)] == VISITS[order]


def test_susceptibility_is_the_loss_of_the_middle_option_alone():
    toy = Toy(LADDERS, 4.0)
    assert [susceptibility(toy.problem, site) for site in toy.problem.sites] == [3.0, 1.0, 2.0]
    assert [step.label for step in toy.problem.path][:1] == ["s0 alone: floor 2"]


def test_ties_keep_the_order_of_the_layers():
    same = [(2.0, [(1.0, 1.0)])] * 4
    for order in ("fdos", "saos"):
        assert [s.site for s in in_order(Toy(same, 1.0).problem, order)] == ["s0", "s1", "s2", "s3"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(20))
def test_every_site_gets_its_cheapest_setting_that_is_left(order, seed):
    toy = random_toy(seed, sites=6, steps=5)
    names = [site.site for site in in_order(random_toy(seed, sites=6, steps=5).problem, order)]
    found = algorithm_1(toy.problem, order)
    assert found == by_hand(toy, names)
    assert toy.loss(found) <= toy.problem.budget
    assert toy.problem.cost(toy.problem.best) <= toy.problem.cost(found)


@pytest.mark.parametrize("order", ORDERS)
def test_within_reach_of_the_best(order):
    """No order beats the exhaustive search, and with room for everything each of them reaches it."""
    for seed in range(10):
        toy = random_toy(seed, sites=4)
        assert toy.problem.cost(algorithm_1(toy.problem, order)) >= toy.least() - 1e-12
        wide = random_toy(seed, sites=4, budget=1e9)
        assert wide.problem.cost(algorithm_1(wide.problem, order)) == pytest.approx(wide.least())


@pytest.mark.parametrize("order", ORDERS)
def test_no_budget_and_no_options(order):
    strict = Toy(LADDERS, 0.1)
    assert algorithm_1(strict.problem, order) == {}
    empty = Toy([(2.0, []), (3.0, [(1.0, 0.5)])], 4.0)
    told = []
    assert set(algorithm_1(empty.problem, order, told.append)) == {"s1"}
    assert sum(told) == 1


def test_stopping_leaves_the_best_so_far():
    toy = Toy(LADDERS, 9.0)
    ask = toy.problem.evaluate

    def stopping(config):
        if len(toy.evaluated) == 2:
            raise KeyboardInterrupt
        return ask(config)

    toy.problem.evaluate = stopping
    with pytest.raises(KeyboardInterrupt):
        algorithm_1(toy.problem, "los")
    assert {name: option.cost for name, option in toy.problem.best.items()} == {"s0": 0.5, "s1": 2.0}


def test_options_that_are_cheaper_than_the_one_a_site_has():
    site = Toy(LADDERS, 4.0).problem.sites[0]
    assert cheaper(site, None) == site.options
    assert [option.cost for option in cheaper(site, site.options[0])] == [1.0, 0.5]
    assert cheaper(site, site.options[-1]) == ()


def test_a_visit_begins_where_the_network_stands():
    """Sites only get cheaper, and those that cannot keep what they have."""
    toy = Toy(LADDERS, 5.0)
    a, b, c = toy.problem.sites
    start = {"s0": a.options[0], "s1": b.options[1]}
    told = []
    found = visit(toy.problem, [b, c, a], start, told.append)
    assert {name: option.cost for name, option in found.items()} == {"s0": 1.5, "s1": 2.0, "s2": 4.0}
    assert start == {"s0": a.options[0], "s1": b.options[1]} and sum(told) == 3
    assert visit(toy.problem, [], start) == start


def test_a_visit_of_some_sites_leaves_the_others():
    toy = Toy(LADDERS, 99.0)
    assert list(visit(toy.problem, toy.problem.sites[1:2], {})) == ["s1"]
