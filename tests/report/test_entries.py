"""The parts of a report."""

from __future__ import annotations

import pytest

from spl_onnx.report import entries
from spl_onnx.report.entries import AccuracyEntry, FlopsEntry, ModelSummary, RewriteEntry, SiteEntry
from spl_onnx.report.plain import as_json, from_json
from tests.report.html.reports import full


def test_a_model_in_one_line():
    summary = ModelSummary(opset=17, inputs=["x float32 [1]", "z int64 []"], outputs=["y"])
    assert summary.signature == "x float32 [1], z int64 [] -> y; opset 17"


def test_a_report_is_read_whole():
    report = from_json(RewriteEntry, full())
    assert [type(site) for site in report.sites] == [SiteEntry] * 6
    assert report.flops.predictor_full_price == entries.PriceEntry(8e8, 0.4)
    assert report.model.after.nodes == 11 and report.accuracy.images == 400


def test_metrics_that_the_data_does_not_have_are_left_out():
    assert set(as_json(AccuracyEntry())).isdisjoint({"agreement", "top5_before", "top5_after"})
    assert as_json(AccuracyEntry(agreement=0.0))["agreement"] == 0.0
    assert as_json(FlopsEntry())["reduction"] is None


@pytest.mark.parametrize("kind", [SiteEntry, FlopsEntry, AccuracyEntry, RewriteEntry])
def test_every_field_may_be_missing_in_older_reports(kind):
    assert from_json(kind, {}) == kind()
