"""What truncation saves, from times that are given."""

from __future__ import annotations

import pytest

from spl_onnx.search.budget.time_model import TIMED, TimeModel
from spl_onnx.search.time.site_times import SiteTimes


def model(producers=None, **sites):
    """Sites by name: for each choice one time, or one for each of the timed errors."""
    times = []
    for i in range(len(TIMED)):
        at = []
        for name, ms in sites.items():
            known = {c: v[i] if isinstance(v, tuple) else v for c, v in ms.items()}
            at.append(SiteTimes(name, "conv_relu", {c: v for c, v in known.items() if v is not None}))
        times.append(at)
    return TimeModel(times, producers or {})


def test_the_errors_that_are_timed():
    assert TIMED == (0.0, 0.1, 0.3), "the numbers below are made for these"


def test_a_site_that_feeds_nobody_is_predicted_faster():
    made = model(a={"dense": 5.0, "lossless": (4.0, 3.0, 2.0), "predict": (6.0, 3.0, 1.0)})
    assert made.cost("a", 0.0) == 4.0, "lossless is the quickest exact way"
    assert made.cost("a", 0.1) == 3.0
    assert made.cost("a", 0.3) == 1.0
    assert made.cost("a", 0.2) == pytest.approx(2.0), "half way between the timed errors"
    assert made.cost("a", 0.05) == pytest.approx(4.0), "(6 + 3) / 2 is slower than lossless"
    assert made.total == 4.0


def test_its_own_truncation_does_not_change_its_inputs():
    made = model(a={"dense": 5.0, "lossless": (4.0, 1.0, 1.0)})
    assert made.cost("a", 0.3) == 4.0


def test_what_it_feeds_gets_quicker_by_the_share_of_its_channels():
    feeds = {"b": {"a": 0.25, "x": 0.75}, "c": {"a": 1.0}}
    made = model(
        feeds,
        a={"dense": 5.0},
        b={"dense": 9.0, "lossless": (8.0, 6.0, 4.0)},
        c={"dense": 2.0, "lossless": (3.0, 2.5, 1.5)},
    )
    assert made.cost("a", 0.0) == 5.0
    assert made.cost("a", 0.1) == pytest.approx(5.0 + 0.25 * (6.0 - 8.0)), "c stays dense"
    assert made.cost("a", 0.3) == pytest.approx(5.0 - 0.25 * 4.0 - 0.5)
    assert made.cost("b", 0.3) == 8.0 and made.total == 5.0 + 8.0 + 2.0


def test_the_credit_may_be_more_than_the_site_itself():
    made = model({"b": {"a": 1.0}}, a={"dense": 1.0}, b={"dense": 9.0, "lossless": (9.0, 5.0, 2.0)})
    assert made.cost("a", 0.3) == pytest.approx(-6.0)


def test_errors_beyond_the_timed_ones_cost_as_the_last():
    made = model(a={"dense": 5.0, "predict": (6.0, 3.0, 1.0)})
    assert made.cost("a", 0.9) == 1.0


def test_ways_that_were_not_timed_everywhere():
    """Refused at one error: what is known counts, whatever the error; never timed: no way."""
    made = model(a={"dense": 5.0, "predict": (4.0, None, 1.0)}, b={"dense": 5.0})
    assert made.cost("a", 0.3) == 4.0
    assert made.cost("b", 0.3) == 5.0


def test_a_site_that_nobody_timed_costs_nothing():
    made = model(a={"dense": 5.0})
    assert made.cost("elsewhere", 0.3) == 0.0 and made.total == 5.0
