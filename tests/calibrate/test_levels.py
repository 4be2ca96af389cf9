"""Limits on levels, by hand and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.calibrate.levels import Levels, effect
from spl_onnx.calibrate.outcomes import Outcomes


def plain(score: list[float], value: list[float], outputs: int | None = None) -> Outcomes:
    """Windows of one place and one channel."""
    arrays = [np.array(v, np.float32)[:, None] for v in (score, value, value, score)]
    first = np.arange(len(score)) % 2 == 0
    return Outcomes(*arrays, outputs or len(score), (first, first))


def test_by_hand():
    seen = plain([-2, -1, 1, 2, 3], [1, 0, 2, 0, 2])
    levels = Levels(seen, seen.score, seen.place_score)
    assert levels.limit(0.0) is None, "the lowest has a value already"
    assert levels.limit(1 / 3) == -1, "1 of the energy 9 may go, and a 0 after it"
    assert levels.limit(0.99) == 2
    assert levels.limit(1.0) == 3
    made = levels.effect(-1)
    assert (made.error, made.density, made.zeros) == (pytest.approx(1 / 3), 0.6, pytest.approx(0.6))
    assert levels.effect(-5) == effect(seen, np.zeros((5, 1), bool), np.ones((5, 1), bool))


def test_equal_levels_go_together():
    seen = plain([0, 1, 1, 2], [1, 1, 1, 5])
    levels = Levels(seen, seen.score, seen.place_score)
    assert levels.limit(np.sqrt(2 / 28)) == 0, "two of the three may go, the last two only together"
    assert levels.limit(np.sqrt(3 / 28) * 1.0001) == 1


def test_gaps_between_windows_count_as_outputs():
    seen = plain([-1, 1], [0, 1], outputs=8)
    assert effect(seen, seen.score <= 0, seen.place_score > 0).density == 1 / 8


def test_wrong_winners_are_lost_whatever_the_limit():
    score = np.ones((2, 1), np.float32)
    value, best = np.float32([[3], [0]]), np.float32([[3], [4]])
    seen = Outcomes(score, value, best, score, 2, (np.ones(2, bool),) * 2)
    levels = Levels(seen, score, score)
    assert levels.limit(0.7) is None
    assert levels.effect(0.0).error == pytest.approx(0.8) and levels.effect(0.0).zeros == 0.5


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.floats(0, 3, width=16)), min_size=1, max_size=30),
    st.floats(0, 1),
)
def test_the_limit_is_the_highest_within_the_error(pairs, error):
    seen = plain([float(s) for s, _ in pairs], [v for _, v in pairs])
    levels = Levels(seen, seen.score, seen.place_score)
    limit = levels.limit(error)
    # The square root and the square of it round.
    slack = 1e-6
    if limit is not None:
        assert levels.effect(limit).error <= error + slack
    higher = [s for s, _ in pairs if limit is None or s > limit]
    if higher:
        assert levels.effect(min(higher)).error >= error - slack
    for level in (-5, 0, 5):
        made = levels.effect(level)
        again = effect(seen, seen.score <= level, seen.place_score > level)
        assert made.error == pytest.approx(again.error, abs=1e-7)
        assert (made.density, made.zeros) == (again.density, pytest.approx(again.zeros))


def test_no_energy_is_no_error():
    seen = plain([1, 2], [0, 0])
    levels = Levels(seen, seen.score, seen.place_score)
    assert levels.limit(0.0) == 2 and levels.effect(2.0).error == 0.0
