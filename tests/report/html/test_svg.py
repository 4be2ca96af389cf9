"""Scales, ticks and parts of drawings."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spl_onnx.report.html.svg import (
    Scale,
    bar,
    dot,
    label,
    line,
    number_label,
    picture,
    polyline,
    shorten,
    ticks,
    value_axis,
)


def test_scale():
    scale = Scale(0.0, 10.0, 100.0, 0.0)
    assert (scale(0), scale(5), scale(10), scale(20), scale(-1)) == (100, 50, 0, 0, 100)
    assert Scale(3.0, 3.0, 7.0, 9.0)(3.0) == 7


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 15.1, [0.0, 5.0, 10.0, 15.0, 20.0]),
        (-0.2, 0.9, [-0.25, 0.0, 0.25, 0.5, 0.75, 1.0]),
        (0.0, 0.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_ticks(low, high, values):
    assert ticks(low, high) == pytest.approx(values)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
@example(879609.9999999999, 1e-06, 6)
def test_ticks_cover_their_range(low, span, about):
    """But for a millionth of a step, and the rounding of the quotient and the product that make a tick."""
    values = ticks(low, low + span, about)
    slack = 1e-6 * (values[1] - values[0]) + 2 * sys.float_info.epsilon * (abs(low) + span)
    assert values[0] <= low + slack and values[-1] >= low + span - slack
    assert len(values) <= about + 2


def test_parts_are_well_formed():
    parts = (
        label(1, 2, "<a>", "end", "strong"),
        line(0, 0, 1, 1, "grid"),
        bar(0, 2, 5.0, 10.0, "dense", "title & more"),
        polyline([(0.0, 1.0), (2.0, 3.0)], "path"),
        dot(1, 1, 2, "kept", "x"),
        value_axis([0.0, 0.5], Scale(0, 0.5, 10, 0), 5, 20, "ms"),
    )
    root = ElementTree.fromstring(picture(20, 10, "what <it> shows", *parts))
    assert root.get("aria-label") == "what <it> shows" and root.get("viewBox") == "0 0 20 10"
    assert [e.text for e in root.iter("text")] == ["<a>", "0", "0.5 ms"]
    rect = root.find("rect")
    assert float(rect.get("y")) == 5 and float(rect.get("height")) == 5 and rect[0].text == "title & more"


def test_small_values_stay_visible():
    assert 'height="0.75"' in bar(0, 1, 10.0, 10.0, "dense")


def test_long_names_keep_their_end():
    assert shorten("short", 100) == "short"
    assert shorten("a" * 50 + "end", 40) == "…" + "aa" + "end"
    assert (number_label(0.25), number_label(20.0)) == ("0.25", "20")


def test_a_file_of_its_own_has_its_name_space_and_style():
    page, alone = picture(1, 1, "t"), picture(1, 1, "t", style="text{fill:red}")
    assert "xmlns" not in page and "<style>" not in page
    root = ElementTree.fromstring(alone)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and root[0].text == "text{fill:red}"
