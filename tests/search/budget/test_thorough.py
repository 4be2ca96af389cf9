"""The Lagrangian search with last visits, on networks that are tables."""

from __future__ import annotations

import pytest

from spl_onnx.search.budget.algorithm1 import ORDERS, algorithm_1, in_order, visit
from spl_onnx.search.budget.lagrange import lagrange, lowest_price
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.budget.thorough import thorough
from tests.search.budget.toys import Toy, random_toy


def losses_of(toy):
    """Losses of all options as the table has them."""
    return {
        site.site: tuple(toy.losses[site.site, option.setting.key] for option in site.options)
        for site in toy.problem.sites
    }


def with_free_sites(seed, budget=5.0):
    """The divergence of every second site costs no decision: what leads the price is not what is limited."""
    toy = random_toy(seed, sites=12, steps=5, budget=budget)
    plain = toy.problem.evaluate

    def judged(config):
        felt = {site: setting for site, setting in config.items() if int(site[1:]) % 2}
        loss = sum(toy.losses[site, setting.key] for site, setting in felt.items())
        return Quality(loss, plain(config).divergence)

    toy.problem.evaluate = judged
    return toy


@pytest.mark.parametrize("seed", range(10))
def test_sites_whose_divergence_costs_nothing_go_all_the_way(seed):
    short, long = with_free_sites(seed), with_free_sites(seed)
    found = thorough(long.problem, losses_of(long))
    assert long.problem.cost(found) < short.problem.cost(lagrange(short.problem, losses_of(short)))
    assert found == long.problem.best, "within the budget"
    free = [site for site in long.problem.sites if int(site.site[1:]) % 2 == 0]
    assert all(found[site.site] is site.options[-1] for site in free)


@pytest.mark.parametrize("seed", range(25))
def test_it_is_no_dearer_than_the_four_orders_where_there_are_many_sites(seed):
    def toy():
        return random_toy(seed, sites=20, steps=6, budget=8.0)

    made = toy()
    found = thorough(made.problem, losses_of(made))
    assert made.loss(found) <= 8.0
    for order in ORDERS:
        other = toy()
        cost = other.problem.cost(algorithm_1(other.problem, order))
        assert made.problem.cost(found) <= cost, order


@pytest.mark.parametrize("make", [random_toy, with_free_sites])
@pytest.mark.parametrize("seed", range(20))
def test_it_is_never_dearer_than_without_the_visits(make, seed):
    short, long = make(seed), make(seed)
    found = thorough(long.problem, losses_of(long))
    assert long.problem.cost(found) <= short.problem.cost(lagrange(short.problem, losses_of(short)))


def test_where_the_divergence_misleads_it_is_seldom_dearer_than_an_order():
    ours, theirs = [], []
    for seed in range(25):
        made = with_free_sites(seed)
        ours.append(made.problem.cost(thorough(made.problem, losses_of(made))))
        others = [with_free_sites(seed).problem for _ in ORDERS]
        theirs.append([p.cost(algorithm_1(p, order)) for p, order in zip(others, ORDERS, strict=True)])
    for costs in zip(*theirs, strict=True):
        assert sum(a <= b for a, b in zip(ours, costs, strict=True)) >= 20
        assert sum(ours) < sum(costs)


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_configuration_it_has_seen_is_what_it_gives(seed):
    toy = random_toy(seed, sites=8, steps=4, budget=3.0)
    found = thorough(toy.problem, losses_of(toy))
    assert toy.loss(found) <= 3.0
    assert toy.problem.cost(found) == toy.problem.cost(toy.problem.best)


@pytest.mark.parametrize("seed", range(10))
def test_both_visits_count(seed):
    """The end is the cheaper one of the two, whichever it is."""

    def toy():
        return random_toy(seed, sites=10, steps=5, budget=6.0)

    def end(order, search, **how):
        made = toy()
        start = search(made.problem, losses_of(made), **how)
        return made.problem.cost(visit(made.problem, in_order(made.problem, order), start))

    ends = end("los", lagrange), end("fdos", lowest_price, share=0.5)
    both = toy()
    assert both.problem.cost(thorough(both.problem, losses_of(both))) == min(ends)


def test_it_takes_about_as_long_as_two_orders():
    ours, theirs = (random_toy(5, sites=40, steps=6, budget=20.0) for _ in range(2))
    told = []
    thorough(ours.problem, losses_of(ours), told.append)
    for order in ("los", "rlos"):
        algorithm_1(theirs.problem, order)
    assert len(ours.evaluated) <= 1.3 * len(theirs.evaluated)
    assert sum(told) >= 2 * 40, "every visit is told"


def test_stopping_leaves_the_best_so_far():
    toy = random_toy(5, sites=30, steps=6, budget=8.0)
    ask, looked = toy.problem.evaluate, []

    def stopping(config):
        looked.append(1)
        if len(looked) > 40:
            raise KeyboardInterrupt
        return ask(config)

    toy.problem.evaluate = stopping
    with pytest.raises(KeyboardInterrupt):
        thorough(toy.problem, losses_of(toy))
    assert 0 < toy.loss(toy.problem.best) <= 8.0
    assert toy.problem.cost(toy.problem.best) == min(s.cost for s in toy.problem.path if s.kept)


def test_room_for_everything_for_nothing_and_no_sites():
    wide = random_toy(2, sites=6, budget=1e9)
    assert thorough(wide.problem, losses_of(wide)) == {s.site: s.options[-1] for s in wide.problem.sites}
    narrow = random_toy(2, sites=6, budget=1e-9)
    assert thorough(narrow.problem, losses_of(narrow)) == {}
    assert thorough(Toy([], 1.0).problem, {}) == {}
    part = Toy([(4.0, [(2.0, 0.1)]), (2.0, [])], 1.0)
    assert {n: o.cost for n, o in thorough(part.problem, losses_of(part)).items()} == {"s0": 2.0}
