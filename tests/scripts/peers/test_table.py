"""Rows: ratio first, losses as what they are, reasons in place of figures."""

from __future__ import annotations

import json

import numpy as np

from scripts.peers.measure import Quality, Result, Start
from scripts.peers.table import COLUMNS, START_COLUMNS, header, line, row_entry
from spl_onnx.measure.bench import Timing
from spl_onnx.measure.confidence import of_decisions
from spl_onnx.search.time.stopwatch import Gain


def result(before: list[float], after: list[float], has_classes: bool = True) -> Result:
    """Half as quick as the reference."""
    confidence = of_decisions(np.array(before), np.array(after))
    top1 = float(np.mean(after)) if has_classes else None
    return Result(
        Timing(np.array([4.0, 4.0])), Gain(0.5, 0.01), Quality(top1, confidence), {"precision": "f32"}
    )


def cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip("|").split("|")]


def test_a_loss_is_shown_as_one() -> None:
    row = cells(line("net", 1, 2, "engine", result([1, 1, 1, 1], [1, 1, 1, 0])))
    assert row[:7] == ["net", "1", "2", "engine", "**0.50** ± 0.01", "4.00", "75.0%"]
    assert row[7].startswith("+25.0 of 4 (")


def test_a_gain_has_its_sign() -> None:
    assert cells(line("net", 1, 1, "engine", result([1, 0], [1, 1])))[7].startswith("-50.0 of 2 (")


def test_without_classes_other_decisions_are_counted() -> None:
    row = cells(line("net", 1, 1, "engine", result([1, 1], [1, 0], has_classes=False)))
    assert row[6] == "-" and row[7].startswith("+50.0 other decisions of 2 (")


def test_a_reason_stands_in_place_of_figures() -> None:
    row = cells(line("net", 1, 1, "engine", "a | b"))
    assert len(row) == len(COLUMNS) == len(START_COLUMNS) and row[4:] == ["-", "-", "-", "a / b"]


def test_rows_fit_their_headers() -> None:
    for columns in (COLUMNS, START_COLUMNS):
        assert {text.count("|") for text in header(columns).splitlines()} == {len(columns) + 1}
    start = line("net", 1, 1, "engine", Start(0.25, 3.0, 200.4, 90.0))
    assert cells(start)[4:] == ["0.250", "3.00", "200", "90"]


def test_rows_for_json() -> None:
    entry = row_entry(result([1, 1], [1, 0]))
    assert json.loads(json.dumps(entry)) == entry
    assert (entry["ratio"], entry["ms"], entry["drop"], entry["images"]) == (0.5, [4.0, 4.0], 0.5, 2)
    assert entry["says"] == {"precision": "f32"}
    assert row_entry("gone") == {"failure": "gone"}
    assert row_entry(Start(1.0, 2.0, 3.0, 4.0))["peak_mb"] == 3.0
