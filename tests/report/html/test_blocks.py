"""Tables, bars and sentences."""

from __future__ import annotations

from spl_onnx.report.html.blocks import (
    Cell,
    Column,
    bars,
    code,
    facts,
    legend,
    missing,
    note,
    section,
    sentence,
    share,
    table,
)
from tests.report.html.reports import Reader


def test_tables():
    columns = (Column("name", "text", "a hint"), Column("ms"))
    made = table(columns, [["<a>", Cell("2.0 ms", 2.0)], [None, None]])
    assert '<th class="text" scope="col" title="a hint">name</th>' in made
    assert '<td class="text" data-label="name">&lt;a&gt;</td>' in made
    assert '<td class="number" data-label="ms" data-key="2">2.0 ms</td>' in made
    assert '<td class="number empty" data-label="ms">-</td>' in made
    assert 'class="cards"' in made and '<div class="scroll"><table class="plain">' in table(
        columns, [], "plain"
    )


def test_small_keys_keep_their_digits():
    assert 'data-key="0.000123456"' in table((Column("ms"),), [[Cell("0", 0.000123456)]])


def test_bars_stay_inside():
    assert bars((1.0, "a"), (4.0, "b"), whole=2.0).count("width:100.00%") == 1
    assert "width:50.00%" in bars((1.0, "a"), whole=2.0)
    assert "<i" not in bars((1.0, "a"), whole=0.0)


def test_shares():
    assert share(None, "dense").content is None
    cell = share(0.25, "dense")
    assert "width:25.00%" in cell.content and "25.0 %" in cell.content and cell.key == 0.25


def test_blocks_hold_their_words():
    made = section("Title", note("a"), missing("b"), sentence("nothing: ORT"), name="here")
    words = Reader(made).words["here"]
    assert "Nothing: ORT." in words and "Title" in words
    assert code("<x>") == "<code><bdi>&lt;x&gt;</bdi></code>"
    assert "gone" not in facts([("gone", None), ("empty", ""), ("kept", 0)]) and "kept" in facts(
        [("kept", 0)]
    )
    assert Reader(legend([("dense", "left")])).count("i", "dense") == 1
