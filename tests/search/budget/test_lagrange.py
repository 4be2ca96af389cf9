"""The Lagrangian search on networks whose losses add up and whose best configuration is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.budget.algorithm1 import ORDERS, algorithm_1
from spl_onnx.search.budget.lagrange import at_price, lagrange, lowest_price, measured_options, site_losses
from spl_onnx.search.budget.problem import Option, Problem, SiteOptions
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.settings import Setting
from tests.search.budget.toys import Toy, random_toy


def losses_of(toy):
    """Losses of all options as the table has them."""
    return {
        site.site: tuple(toy.losses[site.site, option.setting.key] for option in site.options)
        for site in toy.problem.sites
    }


def found_by(toy):
    return lagrange(toy.problem, losses_of(toy))


def test_losses_of_options_alone():
    toy = Toy([(4.0, [(3.0, 1.0), (1.0, 5.0)]), (2.0, []), (2.0, [(1.0, -1e-9)])], 3.0)
    held, told = [], []

    def hold(site):
        held.append(site)
        toy.hold({}, site)

    found = site_losses(toy.problem.sites, toy.evaluate, hold, told.append)
    assert found["s0"] == (1.0, 5.0) and found["s1"] == ()
    assert 0.0 <= found["s2"][0] <= 1e-8, "rounding gives no loss below 0"
    assert held == ["s0", "s2"] and sum(told) == 3
    assert [set(config) for config in toy.evaluated] == [{"s0"}, {"s0"}, {"s2"}]


def test_options_that_are_not_measured_lie_between():
    """A divergence that grows with the square of the error is met exactly by three of its points."""
    errors = [0.03, 0.06, 0.1, 0.15, 0.2, 0.3]
    made = [Option(Setting("truncate", SiteSettings(floor=e)), 1.0 - e, e) for e in errors]
    site = SiteOptions("s", 1.0, tuple(made))
    asked = []

    def evaluate(config):
        asked.append(config["s"].settings.floor)
        return Quality(0.0, 5.0 * asked[-1] ** 2)

    found = site_losses([site], evaluate, lambda name: None)
    assert asked == [0.03, 0.1, 0.3] and len(measured_options(site)) == 3
    np.testing.assert_allclose(found["s"], [5.0 * e**2 for e in errors])


def test_between_losses_that_are_no_numbers_nothing_is_guessed():
    made = [Option(Setting("truncate", SiteSettings(floor=e)), 1.0 - e, e) for e in (0.1, 0.2, 0.3, 0.4)]
    site = SiteOptions("s", 1.0, tuple(made))
    known = {0.1: 1.0, 0.2: 2.0, 0.4: math.inf}
    found = site_losses(
        [site], lambda config: Quality(0.0, known[config["s"].settings.floor]), lambda name: None
    )
    assert found["s"] == (1.0, 2.0, math.inf, math.inf)


@pytest.mark.parametrize("seed", range(10))
def test_a_price_gives_the_cheapest_configuration_of_its_loss(seed):
    """No other one that loses as little costs less: what a Lagrangian guarantees."""
    toy = random_toy(seed, sites=4)
    losses = losses_of(toy)
    for price in (1e-4, 0.1, 0.3, 1.0, 3.0, 1e4):
        chosen = at_price(toy.problem.sites, losses, price)
        spent = toy.loss(chosen)
        cheapest = min(toy.problem.cost(other) for other in toy.every() if toy.loss(other) <= spent)
        assert toy.problem.cost(chosen) == pytest.approx(cheapest)


def test_a_higher_price_loses_less_and_costs_more():
    toy = random_toy(3, sites=30, steps=6)
    losses = losses_of(toy)
    chosen = [at_price(toy.problem.sites, losses, price) for price in np.geomspace(1e-4, 1e4, 60)]
    spent, costs = [toy.loss(c) for c in chosen], [toy.problem.cost(c) for c in chosen]
    assert spent == sorted(spent, reverse=True) and costs == sorted(costs)
    assert len(set(spent)) > 20 and chosen[-1] == {}
    assert costs[0] == pytest.approx(toy.problem.cost({s.site: s.options[-1] for s in toy.problem.sites}))


def test_an_option_that_loses_everything_is_never_taken():
    toy = Toy([(4.0, [(3.0, math.inf), (2.0, 1.0), (1.0, math.inf)])], 2.0)
    losses = losses_of(toy)
    assert at_price(toy.problem.sites, losses, 1e-9)["s0"].cost == 2.0
    assert found_by(toy)["s0"].cost == 2.0


@pytest.mark.parametrize("seed", range(25))
def test_it_beats_the_four_orders_where_there_are_many_sites(seed):
    def toy():
        return random_toy(seed, sites=20, steps=6, budget=8.0)

    made = toy()
    found = found_by(made)
    cost = made.problem.cost(found)
    assert made.loss(found) <= 8.0
    for order in ORDERS:
        other = toy()
        assert cost <= other.problem.cost(algorithm_1(other.problem, order))


@pytest.mark.parametrize("seed", range(40))
def test_few_sites_are_off_by_less_than_one_of_them(seed):
    """The gap of a Lagrangian is at most what the largest site can gain."""
    toy = random_toy(seed, sites=3 + seed % 3)
    found = found_by(toy)
    assert toy.loss(found) <= toy.problem.budget
    largest = max(site.exact - site.options[-1].cost for site in toy.problem.sites)
    assert toy.least() <= toy.problem.cost(found) + 1e-12
    assert (toy.problem.cost(found) - toy.least()) * toy.problem.whole < largest


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e3])
def test_divergence_and_drop_may_have_any_scale(unit):
    """The divergence leads, the drop decides."""
    toy = random_toy(1, sites=20, steps=6, budget=8.0 * unit, unit=unit)
    alike = random_toy(1, sites=20, steps=6, budget=8.0)
    assert toy.problem.cost(found_by(toy)) == pytest.approx(alike.problem.cost(found_by(alike)))


def test_the_budget_holds_where_losses_do_not_add_up():
    """Together the sites lose more than alone; every look is judged, so nothing above the budget is kept."""
    for seed in range(10):
        toy = random_toy(seed, sites=10, steps=4, budget=3.0)
        losses = losses_of(toy)
        plain = toy.problem.evaluate

        def together(config, plain=plain):
            quality = plain(config)
            return Quality(quality.drop * max(1, len(config)) ** 0.5, quality.divergence)

        toy.problem.evaluate = together
        chosen = lagrange(toy.problem, losses)
        assert toy.loss(chosen) * max(1, len(chosen)) ** 0.5 <= 3.0
        assert toy.problem.cost(chosen) == toy.problem.cost(toy.problem.best), "the best it has seen"


def test_room_for_everything_and_for_nothing():
    wide = random_toy(2, sites=6, budget=1e9)
    assert found_by(wide) == {s.site: s.options[-1] for s in wide.problem.sites}
    assert len(wide.evaluated) == 1, "the cheapest configuration is within the budget: nothing else is run"
    assert found_by(random_toy(2, sites=6, budget=1e-9)) == {}
    assert found_by(Toy([], 1.0)) == {} and found_by(Toy([(2.0, [])], 1.0)) == {}


def test_options_that_lose_nothing_are_free():
    toy = Toy([(4.0, [(3.0, 0.0), (2.0, 0.0)]), (4.0, [(3.0, 2.0)])], 1.0)
    assert {name: option.cost for name, option in found_by(toy).items()} == {"s0": 2.0}


def test_configurations_are_judged_once_and_few():
    toy = random_toy(5, sites=30, steps=6, budget=8.0)
    told = []
    lagrange(toy.problem, losses_of(toy), told.append)
    keys = [tuple(sorted((n, s.key) for n, s in config.items())) for config in toy.evaluated]
    assert len(keys) <= 20 and sum(told) == len(keys)
    prices = [key for key, step in zip(keys, toy.problem.path, strict=True) if "price" in step.label]
    assert len(set(prices)) == len(prices)


@pytest.mark.parametrize("seed", range(10))
def test_a_price_may_spend_a_share_of_the_budget(seed):
    toy = random_toy(seed, sites=20, steps=6, budget=8.0)
    found = [lowest_price(toy.problem, losses_of(toy), share=share) for share in (0.25, 0.5, 1.0)]
    spent, costs = [toy.loss(each) for each in found], [toy.problem.cost(each) for each in found]
    assert all(loss <= share * 8.0 for loss, share in zip(spent, (0.25, 0.5, 1.0), strict=True))
    assert costs == sorted(costs, reverse=True) and costs[0] > costs[2]


def test_what_is_left_is_spent_on_single_steps():
    """Two sites whose steps fit together only one at a time: the price takes both or none."""
    toy = Toy([(4.0, [(2.0, 2.0)]), (4.0, [(2.0, 2.0)])], 3.0)
    assert len(found_by(toy)) == 1 and toy.loss(toy.problem.best) == 2.0


def test_stopping_leaves_the_best_so_far():
    toy = random_toy(5, sites=30, steps=6, budget=8.0)
    losses = losses_of(toy)
    ask, looked = toy.problem.evaluate, []

    def stopping(config):
        looked.append(1)
        if len(looked) > 6:
            raise KeyboardInterrupt
        return ask(config)

    toy.problem.evaluate = stopping
    with pytest.raises(KeyboardInterrupt):
        lagrange(toy.problem, losses)
    assert 0 < toy.loss(toy.problem.best) <= 8.0
    assert toy.problem.cost(toy.problem.best) == min(s.cost for s in toy.problem.path if s.kept)


def test_options_with_one_setting_are_one_option():
    """Floors of two errors may be the same number."""
    setting = Setting("truncate", SiteSettings(floor=1.0))
    site = SiteOptions("s", 4.0, (Option(setting, 3.0, 0.1), Option(setting, 2.0, 0.2)))
    problem = Problem([site], 0.0, 4.0, 1.0, lambda config: Quality(0.5, 0.5))
    assert lagrange(problem, {"s": (0.5, 0.5)})["s"].cost == 2.0
