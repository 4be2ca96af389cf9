"""Tables, bars and sentences."""

from __future__ import annotations

from spl_onnx.report.html.markup import draw, sentence
from tests.report.html.reports import Reader


def block(name, *values):
    return draw("blocks.html.jinja", name, *values)


def test_tables():
    columns = {"name": "text", "ms": "number"}
    made = block("table", columns, [["<a>", "2.0 ms"], [None, None]], "cards", {"name": "a hint"})
    assert '<th class="text" scope="col" title="a hint">name</th>' in made
    assert '<td class="text" data-label="name">&lt;a&gt;</td>' in made
    assert '<td class="number empty" data-label="ms">-</td>' in made
    assert 'class="cards"' in made
    assert '<div class="scroll"><table class="plain">' in block("table", columns, [], "plain")


def test_cells_are_sorted_by_their_keys():
    assert block("cell", "ms", "number", "2.0 ms", 2.0) == (
        '<td class="number" data-label="ms" data-key="2">2.0 ms</td>'
    )


def test_small_keys_keep_their_digits():
    assert 'data-key="0.000123456"' in block("cell", "ms", "number", "0", 0.000123456)


def test_bars_stay_inside():
    assert block("bars", [(1.0, "a"), (4.0, "b")], 2.0).count("width:100.00%") == 1
    assert "width:50.00%" in block("bars", [(1.0, "a")], 2.0)
    assert "<i" not in block("bars", [(1.0, "a")], 0.0)


def test_shares():
    cell = block("share", 0.25, "dense")
    assert "width:25.00%" in cell and "25.0 %" in cell


def test_blocks_hold_their_words():
    assert sentence("nothing: ORT") == "Nothing: ORT."
    assert block("code", "<x>") == "<code><bdi>&lt;x&gt;</bdi></code>"
    assert "gone" not in block("facts", [("gone", None), ("empty", ""), ("kept", 0)])
    assert "kept" in block("facts", [("kept", 0)])
    assert Reader(block("legend", [("dense", "left")])).count("i", "dense") == 1
