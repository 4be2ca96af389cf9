"""The drawing of all layers."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from spl_onnx.report.html.layer_chart import layer_chart
from spl_onnx.report.html.view import read_report
from tests.report.html.reports import site, sites


def views(entries):
    return read_report({"sites": entries}).sites


def drawing(entries):
    return ElementTree.fromstring(layer_chart(views(entries)))


def texts(root):
    return [element.text for element in root.iter("text")]


def heights(root, kind):
    return [float(e.get("height")) for e in root.iter("rect") if e.get("class") == kind]


def test_nothing_measured_is_no_drawing():
    assert layer_chart(views([site(), site("b", "dense")])) is None
    assert layer_chart([]) is None


def test_times_and_shares():
    root = drawing(sites())
    assert {"computed", "kept", "input zeros"} <= set(texts(root))
    assert heights(root, "original") == [180.0, 135.0, 90.0, 45.0, 45.0]
    assert 90.0 in heights(root, "lossless") and 45.0 in heights(root, "predict")
    assert heights(root, "neutral") == pytest.approx([0.6 * 26, 0.5 * 26, 0.4 * 26])
    hints = [e.text for e in root.iter("title")]
    assert "2: two, predict, 3.00 ms before, 1.00 ms now" in hints
    assert "3: three, predict, kept 25.0 %" in hints


def test_panels_without_values_are_left_out():
    root = drawing([site(zeros=0.5)])
    assert "computed" not in texts(root) and "kept" not in texts(root) and not heights(root, "original")
    assert "input zeros" not in texts(drawing([site(dense_ms=1.0)]))


@pytest.mark.parametrize("count", [1, 60, 1500])
def test_labels_do_not_touch_and_all_is_inside(count):
    root = drawing([site(f"s{i}", dense_ms=1.0 + i, now_ms=1.0, density=0.5) for i in range(count)])
    width, height = float(root.get("width")), float(root.get("height"))
    numbers = [e for e in root.iter("text") if e.get("text-anchor") == "middle"]
    places = [float(e.get("x")) for e in numbers]
    needed = (len(str(count)) + 1) * 6.3
    assert places and all(b - a >= needed for a, b in pairwise(places))
    for rect in root.iter("rect"):
        x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width and 0 <= y <= y + h <= height


def test_hostile_names():
    root = drawing([site("<script>" + "x" * 500, dense_ms=1.0)])
    assert max(len(e.text) for e in root.iter("title")) < 120
    assert root.find(".//script") is None
