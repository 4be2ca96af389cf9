"""Draws what scripts/bench_kernels.py has measured: time over dense against density and zeros, as SVG files.

One file per kind of work and number of threads, one panel per kernel size, one line per layer. The dashed
line is ONNX Runtime's dense kernel: above it the operator loses.

    python scripts/bench_kernels.py --json kernels.json
    python scripts/plot_kernels.py kernels.json docs/figures
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from spl_onnx.files import write_text
from spl_onnx.report.html.svg import (
    Scale,
    dot,
    label,
    line,
    number_label,
    picture,
    polyline,
    rectangle,
    ticks,
    value_axis,
)

Row = Mapping[str, Any]

#: By kind of work: title, and what the horizontal axis counts. Kinds with one level only are not drawn.
KINDS = {
    "select": ("SRMM, selected outputs", "outputs selected, %"),
    "zero_skip": ("SRMM, zero inputs skipped", "inputs that are zero, %"),
    "predict": ("SPLPredict, int8", "groups of four channels that are zero, %"),
}
_LIGHT = ("#2a6bd0", "#c65d07", "#0b8071", "#8250c4", "#b8326f", "#6d6a00", "#586272", "#7a4a21")
_DARK = ("#6aa2f8", "#f09a50", "#3fc3b1", "#b794f2", "#f07fb0", "#c9c24a", "#a3adbb", "#d0a27c")
_PLOT = 300.0
_HEIGHT = 250.0
_LEFT = 52.0
_NAMES = 132.0
_TOP = 74.0
_BOTTOM = 50.0
_LINE = 14.0


def style() -> str:
    """Colours of a drawing by itself, for light and dark surroundings."""
    light = _colours("#1c2128", "#586272", "#e1e5ea", "#ffffff", _LIGHT)
    dark = _colours("#e6e9ee", "#a3adbb", "#303742", "#12151a", _DARK)
    font = "text{font:11.5px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}text.title{font-size:14px}"
    lines = "polyline{stroke-width:1.8;fill:none}.even{stroke-dasharray:5 4}"
    return f"{font}{lines}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _colours(ink: str, soft: str, grid: str, page: str, lines: Sequence[str]) -> str:
    """Rules for text, grid, background, and for the lines `l0`, `l1`, ... with dots `d` and names `n`."""
    rules = {"text": f"fill:{soft}", "text.strong": f"fill:{ink};font-weight:600", ".page": f"fill:{page}"}
    rules |= {".grid": f"stroke:{grid}", ".even": f"stroke:{ink}"}
    for index, colour in enumerate(lines):
        rules[f".l{index}"] = f"stroke:{colour}"
        rules[f".d{index},text.n{index}"] = f"fill:{colour}"
    return "".join(f"{name}{{{rule}}}" for name, rule in rules.items())


def figure(rows: Sequence[Row], title: str, axis: str) -> Markup:
    """One file: a panel for each kernel size, all with the same axes.

    Args:
        rows: of one kind and number of threads; `levels`, `dense_ms` and `ours_ms` have equal lengths.
        title: above the panels.
        axis: below each panel.
    """
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault(row["layer"].split(":")[0].split("s")[0], []).append(row)
    highest = max(max(ratios(row)) for row in rows)
    values = ticks(0.0, max(1.0, highest), 5)
    levels = [level for row in rows for level in row["levels"]]
    across = ticks(min(levels), max(levels), 5)
    width = _LEFT + len(panels) * (_PLOT + _NAMES) + (len(panels) - 1) * _LEFT
    height = _TOP + _HEIGHT + _BOTTOM
    parts = [
        rectangle(0, 0, width, height, "page"),
        label(_LEFT, 24, title, class_="strong title"),
        label(_LEFT, 42, "time over ONNX Runtime's dense kernel; below 1 is faster"),
    ]
    for index, (name, group) in enumerate(panels.items()):
        left = _LEFT + index * (_PLOT + _NAMES + _LEFT)
        x = Scale(across[0], across[-1], left, left + _PLOT)
        y = Scale(values[0], values[-1], _TOP + _HEIGHT, _TOP)
        parts += [_frame(x, y, across, values, axis), label(left, _TOP - 10, name, class_="strong")]
        parts += [_line(n, row, x, y) for n, row in enumerate(group)]
        parts.append(_line_names(group, x, y))
    return picture(width, height, f"{title}: {axis}", *parts, style=style())


def ratios(row: Row) -> list[float]:
    """Time of the operator over the dense time, by level."""
    return [ours / dense for ours, dense in zip(row["ours_ms"], row["dense_ms"], strict=True)]


def _frame(x: Scale, y: Scale, across: Sequence[float], values: Sequence[float], axis: str) -> Markup:
    """Grid, axes and the line of equal time."""
    bottom = y(values[0])
    below = (label(x(v), bottom + 16, number_label(100 * v), "middle") for v in across)
    even = line(x.start, y(1.0), x.end, y(1.0), "even")
    words = label((x.start + x.end) / 2, bottom + 36, axis, "middle")
    return Markup().join([value_axis(values, y, x.start, x.end), *below, even, words])


def _line(index: int, row: Row, x: Scale, y: Scale) -> Markup:
    points = list(zip((x(level) for level in row["levels"]), (y(r) for r in ratios(row)), strict=True))
    kind = index % len(_LIGHT)
    hints = (f"{row['layer']}, {level:g}: {ratio:.2f}" for level, ratio in _pairs(row))
    dots = (dot(a, b, 2.8, f"d{kind}", hint) for (a, b), hint in zip(points, hints, strict=True))
    return Markup().join([polyline(points, f"l{kind}"), *dots])


def _pairs(row: Row) -> Iterable[tuple[float, float]]:
    return zip(row["levels"], ratios(row), strict=True)


def _line_names(rows: Sequence[Row], x: Scale, y: Scale) -> Markup:
    """Names at the ends of the lines, moved apart where they would touch."""
    wanted = sorted((y(ratios(row)[-1]), index) for index, row in enumerate(rows))
    places = spread([place for place, _ in wanted], _LINE, y.end, y.start)
    return Markup().join(
        label(x.end + 10, place + 4, rows[index]["layer"], class_=f"n{index % len(_LIGHT)}")
        for place, (_, index) in zip(places, wanted, strict=True)
    )


def spread(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Move sorted places apart so that neighbours are `least` away, within low..high where there is room."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least if moved else low))
    limit = max(high, low + least * (len(moved) - 1))
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit - least * (len(moved) - 1 - index))
    return moved


def figures(content: Mapping[str, Any]) -> dict[str, str]:
    """Drawings by file name, from the JSON of scripts/bench_kernels.py."""
    made = {}
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in content["rows"]:
        if row["what"] in KINDS and len(row["levels"]) > 1:
            groups.setdefault((row["what"], row["threads"]), []).append(row)
    for (what, threads), rows in groups.items():
        title, axis = KINDS[what]
        counted = f"{threads} thread{'s' if threads > 1 else ''}"
        suffix = "" if threads == 1 else f"_{threads}_threads"
        made[f"{what}{suffix}.svg"] = str(figure(rows, f"{title}, {counted}", axis)) + "\n"
    return made


def main() -> None:
    """Write one file per drawing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("times", help="JSON of scripts/bench_kernels.py")
    parser.add_argument("folder", help="where the drawings go")
    args = parser.parse_args()
    Path(args.folder).mkdir(parents=True, exist_ok=True)
    for name, drawing in figures(json.loads(Path(args.times).read_text(encoding="utf-8"))).items():
        write_text(Path(args.folder) / name, drawing, "folder")
        print(Path(args.folder) / name)


if __name__ == "__main__":
    main()
