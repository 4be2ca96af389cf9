"""The figures of searches for faults, kept as rows of a table in a page."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from spl_onnx.measure.machine import cpu_name

COLUMNS = ("search", "tried", "clean", "bad", "seed", "when and where")

#: Title, tried, bad, seed.
Figures = tuple[str, int, int, int]


def record(page: Path, figures: Sequence[Figures]) -> None:
    """Write figures into the page's table: a row for each title, in place of its former one.

    Args:
        page: has the table's header, and its rows below.
        figures: of the searches that were made.

    Raises:
        ValueError: the page has no such table.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    header = _row(COLUMNS)
    if header not in lines:
        raise ValueError(f"{page}: no table with the columns {', '.join(COLUMNS)}")
    first = lines.index(header) + 2
    last = first
    while last < len(lines) and lines[last].startswith("|"):
        last += 1
    rows = {line.split("|")[1].strip(): line for line in lines[first:last]}
    rows |= {title: _row(_cells(title, tried, bad, seed)) for title, tried, bad, seed in figures}
    page.write_text("\n".join([*lines[:first], *rows.values(), *lines[last:]]) + "\n", encoding="utf-8")


def _cells(title: str, tried: int, bad: int, seed: int) -> tuple[str, ...]:
    where = f"{datetime.date.today().isoformat()}, {cpu_name()}, {os.cpu_count()} cores"
    return (
        title,
        f"{tried:,}",
        f"{tried - bad:,}",
        f"{bad:,}",
        str(seed),
        f"{where}, ONNX Runtime {onnxruntime.__version__}",
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
