"""Changes that are tried."""

from __future__ import annotations

import pytest

from spl_onnx.search.time.changes import changes
from spl_onnx.search.time.site_times import SiteTimes

D, L, P = "dense", "lossless", "predict"


def site(dense, lossless, predict=None):
    ms = {D: dense, L: lossless}
    return SiteTimes("s", "conv_relu", ms if predict is None else {**ms, P: predict})


def test_single_sites_go_to_every_other_choice():
    found = {change.choices: change.loss_ms for change in changes([site(2.0, 1.0, 4.0)], (L,))}
    assert found == {(D,): pytest.approx(1.0), (P,): pytest.approx(3.0)}


def test_runs_cross_the_border_as_a_whole():
    found = {
        change.choices for change in changes([site(1, 2), site(1, 2), site(2, 1), site(1, 2)], (D, D, L, D))
    }
    assert (L, L, L, D) in found, "the run in front of the converted site"
    assert (D, D, D, D) in found, "the isolated converted site"
    assert (L, L, L, L) in found, "all of one side"


def test_those_that_lose_least_go_together_and_first():
    sites = [site(1.0, 1.5), site(1.0, 1.1), site(1.0, 3.0), site(1.0, 1.2)]
    found = changes(sites, (D,) * 4)
    assert [change.choices for change in found[:3]] == [(D, L, D, L), (L, L, D, L), (L, L, L, L)]
    assert found[0].loss_ms == pytest.approx(0.3) and found[0].sites == 2
    assert [change.sites for change in found[3:]] == [1] * 4
    assert [change.loss_ms for change in found[3:]] == sorted(change.loss_ms for change in found[3:])


def test_no_change_is_named_twice_and_none_is_no_change():
    choices = (D, L, L, D, P)
    sites = [site(1, 2, 3), site(2, 1, 3), site(2, 1, 3), site(1, 2, 3), site(3, 2, 1)]
    found = [change.choices for change in changes(sites, choices)]
    assert len(found) == len(set(found)) and choices not in found


def test_sites_without_a_dense_time_stay():
    unknown = SiteTimes("u", "conv_relu", {L: 1.0})
    assert changes([unknown, SiteTimes("v", "conv_relu", {D: 1.0})], (D, D)) == []
