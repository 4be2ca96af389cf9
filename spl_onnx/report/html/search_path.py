"""How the choices were found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spl_onnx.report.formats import metric_drop, percent
from spl_onnx.report.html.blocks import Column, code, facts, legend, missing, note, scroll, section, table
from spl_onnx.report.html.escape import Html, Part, tag
from spl_onnx.report.html.path_chart import path_chart

Report = Mapping[str, Any]

_COSTS = {"time": "time, % of the original's", "flops": "FLOPs, % of the original's"}
_MARKS = (("round", "kept"), ("hollow", "tried, not kept"))


def search_section(report: Report) -> Html:
    """What the search looked for, and its way there."""
    search = report.get("search")
    if not search:
        words = "There was none: the rules or a plan said what is converted."
        return section("Search", missing(words), name="search")
    metric = str(search.get("metric") or (report.get("accuracy") or {}).get("metric") or "accuracy")
    steps = search.get("path") or []
    budget = search.get("budget", (report.get("settings") or {}).get("max_drop"))
    unit = search.get("cost_unit") or search.get("objective") or "time"
    chart = path_chart(steps, metric, budget, _COSTS.get(unit, str(unit)))
    parts: list[Part] = [facts(_facts(search, metric))]
    if search.get("stopped"):
        parts.append(note(f"It stopped before its end: {search['stopped']}."))
    if search.get("note") and search.get("chosen_ms") is None:  # else it stands beside the times
        parts.append(note(str(search["note"])))
    if chart is None:
        parts.append(missing("Its steps were not recorded."))
    else:
        folded = tag("details", tag("summary", f"All {len(steps)} steps"), _steps(steps, metric))
        parts += [legend(_MARKS), scroll(chart), folded]
    return section("Search", *parts, name="search")


def _facts(search: Mapping[str, Any], metric: str) -> list[tuple[str, Part]]:
    images, budget, seconds = search.get("images"), search.get("budget"), search.get("seconds")
    samples = images.get("search") if isinstance(images, Mapping) else images
    return [
        ("objective", search.get("objective")),
        ("order", search.get("scheme")),
        ("metric", search.get("metric")),
        ("drop allowed", metric_drop(metric, budget)),
        ("samples", samples),
        ("changes tried", search.get("tried")),
        ("changes kept", search.get("kept")),
        ("took", None if seconds is None else f"{seconds:.0f} s"),
    ]


def _steps(steps: Any, metric: str) -> Html:
    columns = (
        Column("step"),
        Column("change", "text"),
        Column("cost"),
        Column("loss"),
        Column("drop"),
        Column("kept", "text"),
    )
    rows = (
        [
            step.get("step", index + 1),
            code(step.get("label", "")),
            percent(step.get("cost")),
            None if step.get("loss") is None else f"{step['loss']:.4g}",
            metric_drop(metric, step.get("drop")),
            "yes" if step.get("kept", True) else "no",
        ]
        for index, step in enumerate(steps)
    )
    return table(columns, rows)
