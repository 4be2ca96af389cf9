"""Greedy improvement with times that follow from the choices."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from spl_onnx.measure.bench import Timing
from spl_onnx.search.time.refine import Refiner, SearchState
from spl_onnx.search.time.site_times import SiteTimes

D, L = "dense", "lossless"


class ChainWatch:
    """A chain of sites; every border between dense and converted costs."""

    def __init__(self, times, border):
        self.sites, self.border = times, border

    def total(self, choices):
        sides = [D, *choices, D]
        borders = sum((a == D) != (b == D) for a, b in pairwise(sides))
        return sum(s.ms[c] for s, c in zip(self.sites, choices, strict=True)) + self.border * borders

    def times(self, opened, runs):
        return [Timing(np.full(runs, self.total(choices))) for choices in opened]


def chain(pairs, border, bound=100.0, clock=lambda: 0.0):
    times = [SiteTimes(str(i), "conv_relu", {D: d, L: e}) for i, (d, e) in enumerate(pairs)]
    watch = ChainWatch(times, border)
    return Refiner(times, lambda choices: choices, watch, 8, bound, clock), watch


def test_an_isolated_conversion_that_does_not_pay_is_taken_back():
    refiner, _ = chain([(5, 6), (5, 4), (5, 6)], border=1.0)
    search = refiner.improve(refiner.best_start([(D, L, D)]), 1.0)
    assert search.choices == (D, D, D) and search.kept == 1


def test_an_isolated_dense_site_follows_its_neighbours():
    refiner, _ = chain([(9, 5), (5, 5.5), (9, 5)], border=1.0)
    search = refiner.improve(refiner.best_start([(L, D, L)]), 1.0)
    assert search.choices == (L, L, L)


def test_choices_that_are_right_stay():
    refiner, _ = chain([(9, 5), (5, 9), (9, 5)], border=0.1)
    search = refiner.improve(refiner.best_start([(L, D, L)]), 1.0)
    assert search.choices == (L, D, L) and search.kept == 0 and search.tried > 0


def test_the_result_is_the_best_of_all():
    """Nine sites, every subset looked at by brute force."""
    random = np.random.default_rng(3)
    pairs = [tuple(pair) for pair in random.uniform(4, 6, (9, 2))]
    refiner, watch = chain(pairs, border=0.7)
    starts = [tuple(L if e < d else D for d, e in pairs), (L,) * 9]
    found = refiner.improve(refiner.best_start(starts), 1.0)
    every = [tuple(L if n >> i & 1 else D for i in range(9)) for n in range(512)]
    best = min(watch.total(choices) for choices in every)
    assert watch.total(found.choices) == pytest.approx(best, rel=0.01)


def test_the_best_start_wins():
    refiner, _ = chain([(5, 6), (5, 4), (5, 6)], border=5.0)
    assert refiner.best_start([(D, L, D), (D, D, D), (D, L, D)]).choices == (D, D, D)


def test_hopeless_changes_are_not_tried():
    refiner, _ = chain([(1, 50), (1, 2)], border=0.0, bound=3.0)
    assert refiner.improve(SearchState((D, D), (D, D)), 1.0).tried == 1


def test_the_budget_ends_the_search():
    clock = iter(range(100))
    refiner, _ = chain([(5, 6)] * 6, border=0.1, clock=lambda: float(next(clock)))
    told = []
    search = refiner.improve(refiner.best_start([(D,) * 6]), 3.0, told.append)
    assert search.tried == len(told) == 2
