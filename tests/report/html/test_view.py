"""A report as the page sees it."""

from __future__ import annotations

from spl_onnx.report.entries import ModelSummary
from spl_onnx.report.html.view import read_report
from spl_onnx.report.plain import from_json
from tests.report.html.reports import bare, full


def test_everything_measured():
    report = read_report(full())
    assert report.title == "in.onnx" and report.metric == "top1"
    assert [site.kind for site in report.sites] == [
        "lossless",
        "predict",
        "predict",
        "dense",
        "dense",
        "truncate",
    ]
    assert report.accuracy.before == 0.7575 and "below 0.55 points" in report.accuracy.known
    assert report.limit == report.search.budget == 0.01
    assert report.after.operators == {"SRMM": 4} and report.before.opset == 17
    assert [number for number, _ in report.dense(timed=True)] == [4]
    assert [number for number, _ in report.dense(timed=False)] == [5]
    assert report.own_settings() == ["predictor", "keep", "threshold", "floor"]


def test_nothing_measured():
    report = read_report(bare())
    assert report.title == "Model in memory" and report.metric == "accuracy"
    assert report.accuracy is report.flops is report.search is report.times.speedup is None
    assert report.before == ModelSummary() and not report.sites


def test_the_limit_of_older_reports_is_among_the_settings():
    report = full()
    del report["search"]["budget"]
    read = read_report(report)
    assert read.search.budget is None and read.limit == 0.01


def test_unknown_and_empty_entries_are_left_out():
    assert from_json(ModelSummary, {"nodes": None, "more": 1, "opset": 3}) == ModelSummary(opset=3)
