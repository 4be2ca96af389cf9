"""The headline: faster by, accuracy, FLOPs, layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from spl_onnx.report.formats import metric_drop, metric_value, milliseconds, percent
from spl_onnx.report.html.choices import NAMES, choice_of
from spl_onnx.report.html.escape import Html, Part, tag

Report = Mapping[str, Any]


def headline(report: Report) -> Html:
    """Four tiles."""
    return tag("div", _speed(report), _accuracy(report), _flops(report), _layers(report), class_="tiles")


def interval_text(accuracy: Mapping[str, Any]) -> str | None:
    """The interval of a drop, in words; None where it is not known."""
    interval = accuracy.get("interval")
    if not interval or None in interval:
        return None
    low, high = (metric_drop(accuracy["metric"], value) for value in interval)
    return f"{str(low).removesuffix(' points')} to {high}"


def threads_text(search: Mapping[str, Any]) -> str | None:
    """The threads times were measured with; None where that is not known."""
    threads = search.get("threads")
    if threads is None:
        return None
    return "all threads" if threads == 0 else f"{threads} thread{'s' if threads > 1 else ''}"


def _tile(what: Part, value: Part, *more: Part, kind: str | None = None) -> Html:
    shown = (tag("p", line, class_="more") for line in more if line)
    value_kind = f"value {kind}" if kind else "value"
    return tag(
        "div", tag("p", what, class_="what"), tag("p", value, class_=value_kind), *shown, class_="tile"
    )


def _speed(report: Report) -> Html:
    search = report.get("search") or {}
    speedup = search.get("speedup")
    if speedup is None:
        return _tile("Speed", "not measured", "times are measured where data is given")
    times = [milliseconds(search.get(key)) for key in ("original_ms", "chosen_ms")]
    change = f"{times[0]} → {times[1]}" if all(times) else None
    more = ", ".join(words for words in (change, threads_text(search)) if words)
    if search.get("faster") is False:
        return _tile("Speed", "not faster", f"best found {speedup:.2f} x, so the model stays as it was")
    if speedup < 1.0:
        return _tile("Speed", f"{speedup:.2f} x: slower", more, kind="bad")
    return _tile("Faster by", f"{speedup:.2f} x", more, kind="good")


def _accuracy(report: Report) -> Html:
    accuracy = report.get("accuracy")
    if not accuracy:
        return _tile("Accuracy", "not measured", "there was no data")
    metric = accuracy["metric"]
    before, after = (metric_value(metric, accuracy.get(key)) for key in ("before", "after"))
    value = _change(before, after) if before is not None else after or "equal"
    low = interval_text(accuracy)
    drop = f"drop {metric_drop(metric, accuracy.get('drop'))}" if accuracy.get("drop") is not None else None
    images = accuracy.get("images")
    what = f"{metric} on {images} samples" if images is not None else metric
    return _tile(what, value, drop, low and f"95 % interval {low}")


def _change(before: str, after: str | None) -> str:
    """Two values with one unit."""
    unit = before.partition(" ")[2]
    short = before.removesuffix(f" {unit}") if unit and after and after.endswith(f" {unit}") else before
    return f"{short} → {after}"


def _flops(report: Report) -> Html:
    flops = report.get("flops")
    if not flops:
        return _tile("FLOPs", "not known", "the shapes are not all known")
    reduction = flops.get("reduction")
    if reduction is None:
        return _tile("FLOPs", "not measured", "how much is computed depends on data")
    if not reduction and not flops["predictor"]:
        return _tile("FLOPs", "unchanged", "nothing is predicted")
    value = f"{percent(abs(reduction))} {'fewer' if reduction >= 0 else 'more'}"
    free = (flops.get("predictor_free") or {}).get("reduction")
    more = f"{percent(free)} fewer if it is not counted" if free is not None and flops["predictor"] else None
    counted = "int8 predictor counted at a quarter" if flops["predictor"] else "nothing is predicted"
    return _tile("FLOPs", value, counted, more, kind="bad" if reduction < 0 else None)


def _layers(report: Report) -> Html:
    sites = report.get("sites") or []
    counts = Counter(choice_of(site) for site in sites)
    more = ", ".join(f"{counts[choice]} {name}" for choice, (name, _) in NAMES.items() if counts[choice])
    converted = len(sites) - counts["dense"]
    return _tile("Layers converted", f"{converted} of {len(sites)}", more)
