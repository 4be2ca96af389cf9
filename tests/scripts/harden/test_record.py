"""Figures go into the table of a page, and those of other searches stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.harden.record import COLUMNS, record
from tests.datasets import PROJECT


def test_rows_are_replaced_by_title(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8"), encoding="utf-8")
    record(page, [("first", 12345, 0, 7), ("second", 10, 1, 7)])
    record(page, [("first", 20, 2, 8)])
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(("| first", "| second"))]
    assert [row.split(" | ")[:5] for row in rows] == [
        ["| first", "20", "18", "2", "8"],
        ["| second", "10", "9", "1", "7"],
    ]
    assert "ONNX Runtime" in rows[0]
    assert text.index("## Last figures") < text.index("| first") < text.index("## What is tried")


def test_a_page_without_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"no table with the columns {COLUMNS[0]}"):
        record(page, [])
