"""Text that cannot be seen is spelt out."""

from __future__ import annotations

import pytest

from spl_onnx.text import LONGEST_LINE, one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("conv_1 größer 畳み込み", "conv_1 größer 畳み込み"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("\x9b31m", "\\u009b31m"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("\udc80.onnx", "\\udc80.onnx"),
        ("a\r\nb", "a\\u000d\\u000ab"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown and shown.isprintable()


def test_kept_characters():
    assert visible("a\nb\x00", keep="\n") == "a\nb\\u0000"


def test_one_line():
    assert one_line(" a\n b\x1bc ") == "a b\\u001bc"


def test_long_lines_lose_their_middle():
    line = one_line("first " + "n" * 100_000 + " last")
    assert line.startswith("first n") and " [...] " in line and line.endswith("n last")
    assert len(line) <= LONGEST_LINE + len(" [...] ")
