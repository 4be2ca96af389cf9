"""`labels.csv`: which images are read, and what they show."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spl_onnx.errors import DataError

_COLUMNS = ("file", "class")


def read_labels(table: Path) -> tuple[list[str], NDArray[np.int64]]:
    """File names and classes of a list.

    Args:
        table: CSV in UTF-8 with the columns `file` and `class`; others are ignored.

    Returns:
        The names in order, and [n] class numbers.

    Raises:
        DataError: it cannot be read, has no such columns or no rows, or a row lacks a name or a class number.
    """
    try:
        # Spreadsheets put a mark in front of UTF-8, which is no part of the first column's name.
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = _rows(table, csv.DictReader(file))
    except UnicodeDecodeError as error:
        raise DataError(f"{table}: is no text in UTF-8 ({error}), wanted CSV saved as UTF-8") from error
    except (csv.Error, OSError) as error:
        raise DataError(f"{table}: cannot be read as CSV ({error})") from error
    if not rows:
        raise DataError(f"{table}: got no rows, wanted at least one image")
    return [name for name, _ in rows], np.array([number for _, number in rows], np.int64)


def _rows(table: Path, reader: csv.DictReader[str]) -> list[tuple[str, int]]:
    got = [name or "" for name in reader.fieldnames or []]
    if not set(_COLUMNS) <= set(got):
        raise DataError(f"{table}: got columns {', '.join(got) or '(none)'}, wanted 'file' and 'class'")
    return [_row(f"{table}, line {reader.line_num}", row) for row in reader]


def _row(where: str, row: dict[str, str | None]) -> tuple[str, int]:
    name, text = row["file"], row["class"]
    if not name or text is None or "\0" in name:
        raise DataError(
            f"{where}: got file {name!r} and class {text!r}, wanted a file name and a class number"
        )
    try:
        number = int(text)
    except ValueError as error:
        raise DataError(f"{where}: column 'class': got {text[:40]!r}, wanted whole numbers") from error
    if not -(1 << 63) <= number < 1 << 63:
        raise DataError(f"{where}: class {text[:40]} is no class number, wanted one of the network's")
    return name, number
