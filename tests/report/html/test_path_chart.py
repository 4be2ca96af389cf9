"""The drawing of the search's way."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from spl_onnx.report.entries import StepEntry
from spl_onnx.report.html.path_chart import path_chart
from tests.report.html.reports import path


def drawing(steps, metric="top1", budget=0.01):
    return ElementTree.fromstring(
        path_chart([StepEntry(**step) for step in steps], metric, budget, "time, % of the original's")
    )


def texts(root):
    return [element.text for element in root.iter("text")]


def test_no_steps_no_drawing():
    assert path_chart([], "top1", 0.01, "time") is None


def test_kept_steps_are_joined_and_others_are_hollow():
    root = drawing(path())
    kinds = [e.get("class") for e in root.iter("circle")]
    assert kinds == ["kept", "kept", "dropped", "kept", "kept"], "the last drop is not known"
    assert [len(e.get("points").split()) for e in root.iter("polyline")] == [2, 2]
    assert {"time, % of the original's", "drop of top1, points", "allowed 1.00 points"} <= set(texts(root))
    assert {"step 0", "step 2"} <= set(texts(root))
    hints = [e.text for e in root.iter("title")]
    assert "step 1, two: int8, cost 80.0 %, drop 0.20 points, loss 0.001" in hints
    assert hints[2] == "step 2, five: int8, cost 79.0 %, loss 0.02, not kept"


def test_cost_and_limit_are_where_they_belong():
    root = drawing(path())
    first, second = list(root.iter("circle"))[:2]
    assert float(first.get("cy")) < float(second.get("cy")), "less cost is lower"
    limit = next(e for e in root.iter("line") if e.get("class") == "limit")
    drops = [float(e.get("cy")) for e in root.iter("circle")][3:]
    assert all(float(limit.get("y1")) < y for y in drops), "both drops are below the limit"


def test_without_drops_the_loss_is_shown():
    root = drawing([{"cost": 1.0, "loss": 0.0}, {"cost": 0.5, "loss": 3.0, "label": None}], "mse")
    assert "loss" in texts(root) and not any(e.get("class") == "limit" for e in root.iter("line"))
    assert len(list(root.iter("circle"))) == 4


@pytest.mark.parametrize("count", [1, 300])
def test_sizes(count):
    root = drawing([{"step": i, "cost": 1.0, "loss": 0.0, "drop": -0.01 * i} for i in range(count)])
    width, height = float(root.get("width")), float(root.get("height"))
    for circle in root.iter("circle"):
        assert 0 <= float(circle.get("cx")) <= width and 0 <= float(circle.get("cy")) <= height
