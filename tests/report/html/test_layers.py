"""The table of layers, and what was left dense."""

from __future__ import annotations

from tests.report.html.reports import Reader, bare, drawn, full, site


def test_one_row_for_each_layer():
    reader = Reader(drawn("layers", full()))
    assert reader.count("tr") == 7 and reader.count("svg") == 1
    words = " ".join(reader.words["layers"].split())
    assert "1 one conv_relu: a reason lossless 50.0 % 100.0 % - 60.0 % 4.00 ms 2.00 ms 2.00 x" in words
    assert "3 three conv_relu: a reason predicted pruned - 30.0 % 25 % 40.0 % 2.00 ms 1.50 ms 1.33 x" in words
    assert "4 four conv_relu dense - - - - 1.00 ms 1.00 ms -" in words


def test_columns_without_values_are_left_out():
    reader = Reader(drawn("layers", {"sites": [site("a"), site("b", "dense")]}))
    words = " ".join(reader.words["layers"].split())
    assert "were not measured: they need --data" in words and reader.count("svg") == 0
    assert reader.count("th") == 3 and "input zeros" not in words


def test_legend_names_what_occurs():
    words = Reader(drawn("layers", {"sites": [site("a", dense_ms=1.0)]})).words["layers"]
    assert "lossless: only zero inputs" in words and "predicted:" not in words


def test_left_dense():
    words = " ".join(Reader(drawn("dense", full())).words["dense"].split())
    assert "Dense is quicker: 1 layer, together 1.00 ms" in words
    assert "4 four 1.00 ms dense 1 ms, lossless 2 ms" in words
    assert "Not convertible: 1 layer" in words and "5 five it is depthwise" in words


def test_equal_reasons_are_told_once():
    many = {"sites": [site(f"s{i}", "dense", reason="it is depthwise") for i in range(9)]}
    reader = Reader(drawn("dense", many))
    assert reader.words["dense"].count("it is depthwise") == 1 and "and 7 more" in reader.words["dense"]
    assert reader.count("code") == 9 and reader.count("details") == 1


def test_nothing_left_and_nothing_there():
    assert "every layer that a rule looks at was converted" in drawn("dense", {"sites": [site()]})
    assert "There is no layer" in drawn("dense", bare()) and "There is none" in drawn("layers", bare())
