"""Drawings of the kernels' times."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench_kernels import json_row
from scripts.plot_kernels import KINDS, figures, main, ratios, spread, style

SVG = "{http://www.w3.org/2000/svg}"


def row(layer="3x3:64:64:56", what="select", threads=1, ours=(1.0, 3.0)):
    return json_row(what, layer, threads, [0.1, 0.5], [(2.0, ms) for ms in ours])


def drawn(*rows):
    return {name: ElementTree.fromstring(text) for name, text in figures({"rows": rows}).items()}


def test_rows_of_the_benchmark():
    made = row()
    assert made["dense_ms"] == [2.0, 2.0] and made["ours_ms"] == [1.0, 3.0] and made["levels"] == [0.1, 0.5]
    assert ratios(made) == [0.5, 1.5]


def test_one_file_for_each_kind_and_number_of_threads():
    dense = {**row(what="dense"), "levels": [0.0], "dense_ms": [1.0], "ours_ms": [1.0]}
    names = set(drawn(row(), row(threads=2), row(what="zero_skip"), row(what="predict"), dense))
    assert names == {"select.svg", "select_2_threads.svg", "zero_skip.svg", "predict.svg"}
    assert set(KINDS) == {"select", "zero_skip", "predict"}


def test_one_panel_for_each_kernel_and_one_line_for_each_layer():
    root = drawn(row(), row("3x3s2:8:8:9"), row("1x1:64:256:56", ours=(0.5, 0.6)))["select.svg"]
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts.count("outputs selected, %") == 2 and {"3x3", "1x1", "3x3s2:8:8:9", "1"} <= set(texts)
    assert len(list(root.iter(f"{SVG}polyline"))) == 3 and len(list(root.iter(f"{SVG}circle"))) == 6
    assert "3x3:64:64:56, 0.5: 1.50" in [e.text for e in root.iter(f"{SVG}title")]


def test_points_are_on_their_side_of_equal_time():
    root = drawn(row())["select.svg"]
    even = next(float(e.get("y1")) for e in root.iter(f"{SVG}line") if e.get("class") == "even")
    fast, slow = (float(e.get("cy")) for e in root.iter(f"{SVG}circle"))
    assert slow < even < fast
    only_fast = drawn(row(ours=(0.2, 0.2)))["select.svg"]
    assert any(e.get("class") == "even" for e in only_fast.iter(f"{SVG}line"))


def test_everything_is_inside_and_coloured():
    root = drawn(*(row(f"3x3:{n}:64:56", ours=(2.0, 2.0)) for n in range(12)))["select.svg"]
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height
    classes = {e.get("class") for e in root.iter(f"{SVG}polyline")}
    assert all(f".{name}{{" in style() for name in classes) and len(classes) == 8


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_names_do_not_touch(places):
    moved = spread(sorted(places), 8.0, 0.0, 100.0)
    assert all(b - a >= 8.0 - 1e-9 for a, b in pairwise(moved))
    assert moved[0] >= -1e-9 and moved[-1] <= 100.0 + 1e-9


def test_names_with_room_stay():
    assert spread([10.0, 30.0, 60.0], 8.0, 0.0, 100.0) == [10.0, 30.0, 60.0]


def test_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "k.json").write_text(json.dumps({"rows": [row()]}))
    monkeypatch.setattr(sys, "argv", ["plot", str(tmp_path / "k.json"), str(tmp_path / "new" / "figures")])
    main()
    made = tmp_path / "new" / "figures" / "select.svg"
    assert made.is_file() and str(made) in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["plot"])
    with pytest.raises(SystemExit):
        main()
