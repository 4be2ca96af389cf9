"""Tables of a rewrite: before and after, sites, work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.table import Table

from spl_onnx.report.console import add_row, make_table
from spl_onnx.report.entries import (
    AccuracyEntry,
    FlopsEntry,
    ModelSummary,
    PriceEntry,
    SearchEntry,
    SiteEntry,
)
from spl_onnx.report.formats import metric_drop, metric_value, operations, percent, size

_SHOWN_OPERATORS = 12
_CHOICE_ORDER = {"dense": 1, "refused": 1}


def before_after_table(
    before: ModelSummary, after: ModelSummary, bytes_before: int | None, bytes_after: int | None
) -> Table:
    """Sizes and operator counts of both models.

    Args:
        before: the original.
        after: the rewritten model.
        bytes_before: size of its files.
        bytes_after: size of the new files; None when nothing was written.
    """
    table = make_table("model", "", "before", "after", text=("",))
    add_row(table, "nodes", before.nodes, after.nodes)
    add_row(table, "weights", size(before.weight_bytes), size(after.weight_bytes))
    add_row(table, "files", size(bytes_before), size(bytes_after))
    for name in _operators(before, after):
        add_row(table, name, before.operators.get(name, 0), after.operators.get(name, 0))
    return table


def _operators(before: ModelSummary, after: ModelSummary) -> list[str]:
    """Operators whose number changed, then the most frequent others."""
    names = dict.fromkeys([*after.operators, *before.operators])
    changed = [n for n in names if before.operators.get(n, 0) != after.operators.get(n, 0)]
    same = [n for n in names if n not in changed]
    return [*changed, *same][:_SHOWN_OPERATORS]


def sites_table(sites: Sequence[SiteEntry], fold: bool = False) -> Table:
    """All sites, the converted ones first, each with its reason.

    Args:
        sites: entries of a report.
        fold: whether sites that are left alone for the same reason share one row.
    """
    title = "sites (work: share of the model; density: outputs computed; zeros: inputs that are 0)"
    columns = ("site", "rule", "choice", "work", "density", "zeros", "reason")
    table = make_table(title, *columns, text=("site", "rule", "choice", "reason"))
    shown = fold_refused(sites) if fold else list(sites)
    for site in sorted(shown, key=lambda s: _CHOICE_ORDER.get(s.choice, 0)):
        add_row(
            table,
            site.name,
            site.rule,
            _choice(site),
            percent(site.work_share),
            percent(site.density),
            percent(site.zeros),
            site.reason,
        )
    return table


def fold_refused(sites: Sequence[SiteEntry]) -> list[SiteEntry]:
    """The sites, those left dense for the same rule and reason as one entry named after the first."""
    groups: dict[tuple[str, str], list[SiteEntry]] = {}
    shown: list[SiteEntry] = []
    for site in sites:
        if site.choice != "dense":
            shown.append(site)
        else:
            groups.setdefault((site.rule, site.reason), []).append(site)
    for group in groups.values():
        others = f" and {len(group) - 1} more" if len(group) > 1 else ""
        shown.append(replace(group[0], name=f"{group[0].name}{others}"))
    return shown


def _choice(site: SiteEntry) -> str:
    if site.choice == "int8":
        return str(site.settings.get("precision", site.choice)).replace("_", " ") + " products"
    predictor = site.settings.get("predictor")
    if site.choice != "predict" or predictor is None:
        return str(site.choice)
    keep = site.settings.get("keep")
    return str(predictor) if keep is None else f"{predictor} {keep:g}"


def rules_line(counts: Mapping[str, int]) -> str:
    """How many sites each rule converted, in one line."""
    if not counts:
        return "no site was converted"
    parts = ", ".join(f"{rule} {count}" for rule, count in counts.items())
    total = sum(counts.values())
    return f"{total} site{'s' if total > 1 else ''} converted: {parts}"


def search_line(search: SearchEntry) -> str:
    """What the search has led to, in one line."""
    parts = [_spent_text(search), _gain_text(search)]
    return "; ".join(part for part in parts if part)


def _spent_text(search: SearchEntry) -> str | None:
    """How the accuracy budget was spent; None where none was."""
    if search.scheme is None or search.metric is None or not isinstance(search.images, Mapping):
        return None
    stopped = f", {search.stopped}" if search.stopped else ""
    drop = metric_drop(search.metric, search.search_drop)
    return (
        f"settings chosen on {search.images['search']} samples with a drop of {drop} there "
        f"({search.scheme}, {len(search.path)} configurations{stopped}), "
        f"reported on {search.images['report']} others"
    )


def _gain_text(search: SearchEntry) -> str | None:
    """What times said; None where operations were the objective."""
    if not search.faster:
        return search.note
    times = f"{search.original_ms:.3f} -> {search.chosen_ms:.3f} ms"
    batches = f" in batches of {search.time_batch}" if search.time_batch > 1 else ""
    return (
        f"{search.speedup:.3f} x the original's speed ({times}, "
        f"{search.timed_images} samples{batches} in turn, {search.threads} thread(s), "
        f"noise {search.noise:.3f}; {search.tried} changes tried, {search.kept} kept)"
    )


def flops_table(flops: FlopsEntry) -> Table:
    """Work of one sample with the int8 predictor at its three prices."""
    title = f"work per sample, dense {operations(flops.dense)}"
    table = make_table(
        title,
        "int8 predictor counted",
        "selected",
        "predictor",
        "reduction",
        text=("int8 predictor counted",),
    )
    rows: tuple[tuple[str, FlopsEntry | PriceEntry], ...] = (
        ("at a quarter", flops),
        ("in full", flops.predictor_full_price),
        ("not at all", flops.predictor_free),
    )
    for name, row in rows:
        selected, predictor = operations(flops.selected), operations(row.predictor)
        add_row(table, name, selected, predictor, percent(row.reduction))
    table.caption = (
        f"of the selected work, with a zero input: {operations(flops.zero_inputs) or 'not measured'}"
    )
    if flops.in_8_bits:
        table.caption += f"\nof the selected work, multiplied in 8 bits: {operations(flops.in_8_bits)}"
    table.caption_justify = "left"
    return table


def accuracy_table(accuracy: AccuracyEntry) -> Table:
    """What the second model loses against the first."""
    name = accuracy.metric
    title = f"accuracy on {accuracy.images} samples"
    table = make_table(
        title, "metric", "before", "after", "drop", "95 % interval of the drop", text=("metric",)
    )
    low, high = accuracy.interval
    values = (metric_value(name, value) for value in (accuracy.before, accuracy.after, accuracy.drop))
    interval = f"{metric_value(name, low)} .. {metric_value(name, high)}"
    add_row(table, name, *values, interval)
    if accuracy.top5_before is not None and accuracy.top5_after is not None:
        five = accuracy.top5_before, accuracy.top5_after
        add_row(table, "top5", percent(five[0], 2), percent(five[1], 2), percent(five[0] - five[1], 2), None)
    if accuracy.agreement is not None and name != "agreement":
        same = accuracy.agreement
        add_row(table, "agreement", None, percent(same, 2), percent(1 - same, 2), None)
    return table


def confidence_line(accuracy: AccuracyEntry) -> str:
    """What the samples say about the true drop, and how many would show the limit, in one line."""

    def points(drop: float | None) -> str | None:
        return metric_drop(accuracy.metric, drop)

    seen = f"drop {points(accuracy.drop)} on {accuracy.images} samples"
    if accuracy.expected_drop is not None:
        seen += f", {points(accuracy.expected_drop)} expected of their scores"
    known = f"with 95 % confidence the true drop is below {points(accuracy.confidence_upper)}"
    return f"{seen}; {known}{_limit_text(accuracy, points(accuracy.max_drop))}"


def _limit_text(accuracy: AccuracyEntry, limit: str | None) -> str:
    if limit is None:
        return ""
    if accuracy.proves_max_drop:
        return f", within the limit of {limit}"
    if accuracy.images_needed is None:
        return f"; no number of such samples would show at most {limit}"
    return f"; about {accuracy.images_needed} such samples would be needed to show at most {limit}"
