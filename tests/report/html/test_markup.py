"""Text never becomes an element."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from spl_onnx.report.html.markup import draw, raw, render, rounded, setting
from tests.report.html.reports import drawn, full


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\x00\t", "\\u0000\\u0009"),
        ("Größe/層", "Größe/層"),
        (3, "3"),
    ],
)
def test_text(value, shown):
    made = draw("blocks.html.jinja", "code", value)
    assert made == f"<code><bdi>{shown}</bdi></code>" and isinstance(made, Markup)


@pytest.mark.parametrize("value", ["\"'><script>", "\u202e", "{{ 7 * 7 }}"])
def test_attributes(value):
    made = draw("blocks.html.jinja", "cell", value, "text", "x", value)
    assert "<script" not in made and "\u202e" not in made and "49" not in made
    assert made.count('"') == 6, "three attributes, each with two quotation marks"


def test_markup_is_kept_and_what_is_missing_fails():
    cell = draw("blocks.html.jinja", "cell", "", "text", Markup("<i></i>"))
    assert "<i></i>" in cell
    with pytest.raises(UndefinedError):
        render("headline.html.jinja", report=object())


def test_none_is_a_dash_and_never_a_word():
    assert "None" not in drawn("layers", full()) + drawn("time", full())


def test_only_floats_are_rounded():
    assert (rounded(0.5), rounded(10.0), rounded("1.234567"), rounded(7)) == ("0.5", "10", "1.234567", 7)
    line = draw("drawing.svg.jinja", "line", 1.23456, 2.0, 3, 4, "x")
    assert line == '<line x1="1.23" y1="2" x2="3" y2="4" class="x"></line>'


def test_settings_as_the_command_line_has_them():
    assert [setting(value) for value in (True, 0.5, [1, 2], [0.1, 0.2, 0.3], {}, {"x": [1]}, None)] == [
        "yes",
        "0.5",
        "1, 2",
        "0.1 to 0.3, by channel",
        None,
        "x: 1",
        None,
    ]


def test_raw_content_cannot_end_its_element():
    assert raw("a < b") == "a < b"
    with pytest.raises(ValueError, match="'</'"):
        raw("</script>")
