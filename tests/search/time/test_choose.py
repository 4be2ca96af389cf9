"""Choices by node times."""

from __future__ import annotations

import pytest

from spl_onnx.options import Choice
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from spl_onnx.search.time.choose import (
    all_converted,
    all_in_8_bits,
    apply_choices,
    by_node_times,
    converted_plan,
    fastest,
    reason_of,
    starts,
)
from spl_onnx.search.time.site_times import SiteTimes


def times(**ms):
    return SiteTimes("s", "conv_relu", ms)


@pytest.mark.parametrize(
    ("ms", "choice"),
    [
        ({"dense": 1.9, "lossless": 1.2, "predict": 2.3}, "lossless"),
        ({"dense": 1.9, "lossless": 1.2, "predict": 1.1}, "predict"),
        ({"dense": 1.0, "lossless": 1.0, "predict": 1.0}, "dense"),
        ({"dense": 2.0, "lossless": 1.0, "predict": 1.0}, "lossless"),
        ({"dense": 1.0, "lossless": 0.9, "int8": 0.5}, "int8"),
        ({"dense": 1.0, "lossless": 0.5, "int8": 0.5}, "lossless"),
        ({"dense": 1.0}, "dense"),
        ({"lossless": 0.1}, "dense"),
    ],
)
def test_fastest(ms, choice):
    assert fastest(times(**ms)) == choice


def test_whole_networks():
    sites = [times(dense=1.0, lossless=2.0, predict=3.0), times(dense=2.0, predict=1.0), times(lossless=1.0)]
    assert by_node_times(sites) == ("dense", "predict", "dense")
    assert all_converted(sites) == ("lossless", "predict", "dense")


def test_all_in_8_bits_that_may_be():
    slower = SiteTimes("a", "conv_relu", {Choice.DENSE: 1.0, Choice.LOSSLESS: 2.0, Choice.INT8: 3.0})
    exact = SiteTimes("b", "conv_relu", {Choice.DENSE: 1.0, Choice.LOSSLESS: 2.0})
    assert all_in_8_bits([slower, exact]) == (Choice.INT8, Choice.LOSSLESS)
    assert starts([slower, exact]) == [
        (Choice.DENSE, Choice.DENSE),
        (Choice.LOSSLESS, Choice.LOSSLESS),
        (Choice.INT8, Choice.LOSSLESS),
    ]
    assert starts([exact]) == [(Choice.DENSE,), (Choice.LOSSLESS,)]


def test_reasons():
    site = times(dense=1.9, lossless=1.2, predict=2.3)
    assert reason_of(site, "lossless") == "dense 1.9 ms, lossless 1.2 ms, predict 2.3 ms"
    assert reason_of(site, "dense").endswith("predict 2.3 ms; quicker in the whole network")
    assert reason_of(times(lossless=1.0), "dense") == "its dense time could not be measured"


def test_a_plan_with_choices_and_times():
    other = SitePlan("logits", "none", "dense", reason="no rule")
    plan = Plan([SitePlan("s", "conv_relu", "lossless", layer="conv", macs_per_output=9), other])
    site = times(dense=2.0, lossless=3.0, predict=1.0)
    settings = {("s", "conv_relu"): {"predict": SiteSettings("int8")}}
    predicted = apply_choices(plan, [site], ("predict",), settings)
    entry = predicted.sites[0]
    assert (entry.choice, entry.settings, entry.dense_ms, entry.now_ms) == (
        "predict",
        SiteSettings("int8"),
        2.0,
        1.0,
    )
    assert (entry.layer, entry.macs_per_output) == ("conv", 9) and predicted.sites[1] is other
    kept = apply_choices(plan, [site], ("dense",), settings).sites[0]
    assert (kept.choice, kept.settings, kept.now_ms) == ("dense", NOTHING_SET, 2.0)
    assert plan.sites[0].choice == "lossless", "the plan that is passed in stays as it is"


def test_a_plan_in_8_bits_where_settings_say_how():
    """Sites without weights, and those that no algorithm suits, have no settings and stay exact."""
    plan = Plan([SitePlan(name, "conv_relu", "lossless") for name in ("a", "b")])
    settings = {("a", "conv_relu"): {"int8": SiteSettings(precision="int8")}, ("b", "conv_relu"): {}}
    made = converted_plan(plan, "int8", settings)
    assert [entry.choice for entry in made.sites] == ["int8", "lossless"]
    assert [entry.settings for entry in made.sites] == [SiteSettings(precision="int8"), NOTHING_SET]
    assert plan.sites[0].choice == "lossless", "the plan that is passed in stays as it is"
