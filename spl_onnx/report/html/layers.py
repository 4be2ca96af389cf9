"""Every layer: the chart, the table, and what was left dense and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spl_onnx.report.formats import milliseconds, percent
from spl_onnx.report.html.blocks import (
    Cell,
    Column,
    code,
    legend,
    missing,
    note,
    scroll,
    section,
    share,
    table,
)
from spl_onnx.report.html.choices import NAMES, choice_of, kept_ratio
from spl_onnx.report.html.escape import Html, Part, join, tag
from spl_onnx.report.html.layer_chart import layer_chart

Report = Mapping[str, Any]
Site = Mapping[str, Any]

_COLUMNS = (
    Column("#", "number index", "order of the network"),
    Column("layer", "text name"),
    Column("choice", "text choice", "what became of it"),
    Column("work", "number", "share of the model's FLOPs"),
    Column("computed", "bar", "share of the outputs that are computed (density)"),
    Column("kept", "number", "share of the weights that the pruned predictor keeps"),
    Column("input zeros", "bar", "share of the inputs that are zero"),
    Column("before", "number", "time of the original's nodes"),
    Column("now", "number", "time of the nodes in their place"),
    Column("ratio", "number", "before / now"),
)


def layers_section(report: Report) -> Html:
    """All layers: a drawing and a table."""
    sites = report.get("sites") or []
    if not sites:
        words = "There is none that a rule looks at: no convolution, Gemm or MatMul with constant weights."
        return section("Layers", missing(words), name="layers")
    chart = layer_chart(sites)
    if chart is None:
        words = "Densities and times of the layers were not measured: they need --data."
        drawn: Html = missing(words)
    else:
        used = {choice_of(site) for site in sites}
        colours = [(choice, words) for choice, (_, words) in NAMES.items() if choice in used]
        drawn = join((legend([("original", "original"), *colours]), scroll(chart)))
    shown = [i for i, column in enumerate(_COLUMNS) if column.kind.startswith("text") or _known(sites, i)]
    rows = [[cells[i] for i in shown] for cells in (_row(n, site) for n, site in enumerate(sites))]
    made = table([_COLUMNS[i] for i in shown], rows, "cards sortable")
    return section("Layers", drawn, made, name="layers")


def _known(sites: Sequence[Site], column: int) -> bool:
    """Whether any layer has a value in a column."""
    cells = (_row(number, site)[column] for number, site in enumerate(sites))
    return any((cell.content if isinstance(cell, Cell) else cell) is not None for cell in cells)


def _row(index: int, site: Site) -> list[Part | Cell]:
    before, now, keep, choice = site.get("dense_ms"), site.get("now_ms"), kept_ratio(site), choice_of(site)
    work = site.get("work_share")
    ratio = before / now if before and now and choice != "dense" else None
    return [
        index + 1,
        Cell(join((code(site["name"]), tag("small", _about(site)))), site["name"]),
        Cell(_badge(site), choice),
        Cell(percent(work), work),
        share(site.get("density"), choice),
        Cell(percent(keep, 0), keep),
        share(site.get("zeros"), "neutral"),
        Cell(milliseconds(before), before),
        Cell(milliseconds(now), now),
        Cell(None if ratio is None else f"{ratio:.2f} x", ratio),
    ]


def _about(site: Site) -> str:
    """The rule and, for converted layers, the reason; those of the others have their own list."""
    reason = site.get("reason") if choice_of(site) != "dense" else None
    return f"{site['rule']}: {reason}" if reason else str(site["rule"])


def _badge(site: Site) -> Html:
    choice = choice_of(site)
    predictor = (site.get("settings") or {}).get("predictor") if choice == "predict" else None
    return join(
        (
            tag("span", NAMES[choice][0].removeprefix("left "), class_=f"badge {choice}"),
            None if predictor is None else tag("small", predictor),
        )
    )


def dense_section(report: Report) -> Html:
    """What was left dense: layers whose times decided, then the others by reason."""
    numbered = [(n + 1, site) for n, site in enumerate(report.get("sites") or [])]
    dense = [(n, site) for n, site in numbered if choice_of(site) == "dense"]
    title = "Left dense, and why"
    if not numbered:
        return section(title, missing("There is no layer."), name="dense")
    if not dense:
        words = "Nothing: every layer that a rule looks at was converted."
        return section(title, note(words), name="dense")
    timed = [(n, site) for n, site in dense if site.get("dense_ms") is not None]
    other = [(n, site) for n, site in dense if site.get("dense_ms") is None]
    parts: list[Part] = []
    if timed:
        total = milliseconds(sum(site["dense_ms"] for _, site in timed))
        parts += [tag("h3", f"Dense is quicker: {_count(timed)}, together {total}"), _timed_table(timed)]
    if other:
        parts += [tag("h3", f"Not convertible: {_count(other)}"), _reason_table(other)]
    return section(title, *parts, name="dense")


def _count(sites: Sequence[Any]) -> str:
    return f"{len(sites)} layer{'' if len(sites) == 1 else 's'}"


def _timed_table(sites: Sequence[tuple[int, Site]]) -> Html:
    slowest = sorted(sites, key=lambda entry: -entry[1]["dense_ms"])
    columns = (Column("#", "number index"), Column("layer", "text"), Column("time"), Column("reason", "text"))
    return table(
        columns,
        (
            [n, code(site["name"]), milliseconds(site["dense_ms"]), site.get("reason") or None]
            for n, site in slowest
        ),
    )


def _reason_table(sites: Sequence[tuple[int, Site]]) -> Html:
    groups: dict[str, list[tuple[int, Site]]] = {}
    for n, site in sites:
        groups.setdefault(site.get("reason") or "no reason was given", []).append((n, site))
    rows = (
        [join(_listed(group)), reason]
        for reason, group in sorted(groups.items(), key=lambda entry: -len(entry[1]))
    )
    return table((Column("layers", "text"), Column("reason", "text")), rows)


def _listed(group: Sequence[tuple[int, Site]]) -> list[Part]:
    """The names of layers; many of them are folded."""
    names = [tag("div", f"{n} ", code(site["name"])) for n, site in group]
    if len(names) <= 4:
        return list(names)
    return [*names[:2], tag("details", tag("summary", f"and {len(names) - 2} more"), *names[2:])]
