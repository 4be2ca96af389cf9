"""Text never becomes an element."""

from __future__ import annotations

import pytest

from spl_onnx.report.html.escape import Html, join, number, raw, tag, text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\x00\t", "\\u0000\\u0009"),
        ("Größe/層", "Größe/層"),
        (3, "3"),
    ],
)
def test_text(value, shown):
    assert text(value) == shown and isinstance(text(value), Html)


def test_elements():
    assert tag("p", "a<b", tag("b", 1), None) == "<p>a&lt;b<b>1</b></p>"
    assert tag("p", class_="x", data_key='"', title=None) == '<p class="x" data-key="&quot;"></p>'
    assert tag("meta", name="a") == '<meta name="a">'
    assert tag("line", x1=1.23456, y1=2.0, x2=3) == '<line x1="1.23" y1="2" x2="3"></line>'


def test_parts_joined():
    assert join(["<", Html("<i>"), None, 2]) == "&lt;<i>2"


def test_only_floats_are_rounded():
    assert (number(0.5), number(10.0), number("1.234567"), number(7)) == ("0.5", "10", "1.234567", 7)


def test_raw_content_cannot_end_its_element():
    assert raw("a < b") == "a < b"
    with pytest.raises(ValueError, match="'</'"):
        raw("</script>")
