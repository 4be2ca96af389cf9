"""The JSON report."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spl_onnx.errors import UsageError
from spl_onnx.measure.compare import Comparison
from spl_onnx.measure.confidence import Confidence
from spl_onnx.measure.flops import ModelWork, Reduction, SiteWork
from spl_onnx.options import RewriteOptions
from spl_onnx.report.build import (
    accuracy_entry,
    build_report,
    flops_entry,
    plain_report,
    settings_entry,
    site_entry,
    write_json,
)
from spl_onnx.report.entries import PriceEntry
from spl_onnx.report.summary import summarise
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from tests.small_models import small_cnn

WORK = Reduction(dense=1000.0, selected=300.0, predictor=100.0, predictor_full=400.0, skippable=50.0)


def test_flops_are_given_at_three_prices():
    entry = flops_entry(WORK, measured=True)
    assert entry.reduction == pytest.approx(0.6) and entry.predictor == 100
    assert entry.predictor_full_price == PriceEntry(400.0, pytest.approx(0.3))
    assert entry.predictor_free == PriceEntry(0.0, pytest.approx(0.7))
    assert entry.zero_inputs == 50


def test_without_densities_nothing_is_claimed():
    entry = flops_entry(WORK, measured=False)
    assert entry.dense == 1000 and entry.predictor == 100
    assert entry.selected is None and entry.zero_inputs is None
    assert [e.reduction for e in (entry, entry.predictor_full_price, entry.predictor_free)] == [None] * 3


def test_site_entries():
    work = ModelWork({"a": SiteWork(30.0)}, rest=70.0)
    site = SitePlan("a", "conv_relu", "predict", {"predictor": "int8"}, "because", density=0.25)
    entry = site_entry(site, work)
    assert entry.name == "a" and entry.density == 0.25 and entry.dense_ms is None
    assert entry.flops == 30 and entry.work_share == pytest.approx(0.3)
    refused = site_entry(SitePlan("a", "conv_relu", "dense", reason="no"), work)
    assert refused.flops is None and refused.work_share is None
    assert site_entry(site, None).flops is None


def test_weights_of_a_predictor_stay_in_the_plan():
    """They are megabytes of text that say nothing to a reader."""
    settings = {"predictor": "pruned", "keep": 0.1, "weights": "x" * 5000}
    site = SitePlan("a", "conv_relu", "predict", settings)
    entry = site_entry(site, None)
    assert entry.settings == {**settings, "weights": "fitted, 5000 characters in the plan"}
    assert len(site.settings.weights) == 5000


def test_report_holds_what_is_documented():
    plan = Plan([SitePlan("a", "conv_relu", "predict"), SitePlan("b", "conv_relu", "dense", reason="no")])
    summary = summarise(small_cnn())
    confidence = Confidence(0.1, 50, (0.0, 0.2), 0.15, lambda images: 0.1 + 0.05 * 50 / images)
    comparison = Comparison("top1", 0.9, 0.8, confidence, {"agreement": 0.95})
    report = build_report(
        plan, summary, summary, None, WORK, comparison, densities_measured=True, max_drop=0.125
    )
    assert report["rewritten"] == 1 and report["rules"] == {"conv_relu": 1}
    assert {"sites", "flops", "accuracy", "versions"} <= set(report)
    assert {"dense", "selected", "predictor", "reduction"} <= set(report["flops"])
    wanted = {
        "metric": "top1",
        "before": 0.9,
        "after": 0.8,
        "drop": 0.1,
        "interval": [0.0, 0.2],
        "confidence_upper": 0.15,
        "max_drop": 0.125,
        "proves_max_drop": False,
        "images_needed": 100,
        "images": 50,
    }
    assert wanted.items() <= report["accuracy"].items() and report["accuracy"]["agreement"] == 0.95
    unlimited = accuracy_entry(comparison)
    assert unlimited.proves_max_drop is None and unlimited.images_needed is None
    empty = build_report(Plan(), summary, summary, None, None, None, densities_measured=False)
    assert empty["flops"] is None and empty["accuracy"] is None and empty["rewritten"] == 0


def test_numpy_values_are_written_as_numbers(tmp_path):
    write_json({"a": np.float32(0.5), "b": np.arange(2)}, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": 0.5, "b": [0, 1]}
    write_json({"a": np.inf, "b": [float("nan"), -1.5]}, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": None, "b": [None, -1.5]}
    with pytest.raises(TypeError, match="object has no place"):
        write_json({"a": object()}, tmp_path / "r.json")


def test_files_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match=r"--json .*: cannot be written"):
        write_json({}, tmp_path / "no" / "r.json")


def test_settings_name_what_decides():
    entry = settings_entry(RewriteOptions(data="d", json="r", html="h", plan_out="p", max_drop=0.5))
    assert entry["max_drop"] == 0.5 and entry["rules"] == "default"
    assert not {"data", "json", "html", "plan_out", "dry_run"} & set(entry)
    assert plain_report(entry)["choices"] == ["dense", "lossless", "predict", "int8"]
