"""The way a search took: cost and loss after every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spl_onnx.report.entries import StepEntry
from spl_onnx.report.formats import is_share, metric_drop, percent
from spl_onnx.report.html.svg import Scale, dot, label, line, picture, polyline, ticks, value_axis

_LEFT = 48.0
_RIGHT = 24.0
_HEIGHT = 130.0
_TOP = 30.0
_GAP = 46.0
_WIDTH = 990.0
_SLOTS = (6.0, 90.0)


def path_chart(
    steps: Sequence[StepEntry], metric: str, budget: float | None, cost_name: str
) -> Markup | None:
    """The drawing: above the cost, below the loss, step by step; None without steps.

    Args:
        steps: with `cost` (share of the original's), `drop` or `loss`, `kept`, `label`.
        metric: the metric whose drop is shown.
        budget: largest drop that was allowed; None = unknown.
        cost_name: what the cost is a share of.
    """
    if not steps:
        return None
    low, high = _SLOTS
    slot = min(max((_WIDTH - _LEFT - _RIGHT) / max(len(steps) - 1, 1), low), high)
    right = _LEFT + slot * max(len(steps) - 1, 1)
    xs = [_LEFT + slot * index for index in range(len(steps))]
    dropped = any(step.drop is not None for step in steps)
    cost = _Quantity(cost_name, [step.cost for step in steps], in_percent=True)
    lost = _lost(steps, metric) if dropped else _Quantity("loss", [step.loss for step in steps])
    below = _TOP + _HEIGHT + _GAP
    parts = [
        _panel(steps, xs, right, _TOP, cost, None, metric),
        _panel(steps, xs, right, below, lost, budget if dropped else None, metric),
        label(right, below + _HEIGHT + 18, f"step {_number(steps[-1], len(steps))}", "end"),
        label(_LEFT, below + _HEIGHT + 18, f"step {_number(steps[0], 1)}"),
    ]
    return picture(right + _RIGHT, below + _HEIGHT + 26, "The search: cost and loss by step", *parts)


def _number(step: StepEntry, default: int) -> str:
    return str(default if step.step is None else step.step)


@dataclass(frozen=True)
class _Quantity:
    """What a panel shows: its name, its value by step (None = not known), whether its axis is in percent."""

    name: str
    values: Sequence[float | None]
    in_percent: bool = False


def _lost(steps: Sequence[StepEntry], metric: str) -> _Quantity:
    share = is_share(metric)
    return _Quantity(f"drop of {metric}{', points' if share else ''}", [step.drop for step in steps], share)


def _panel(
    steps: Sequence[StepEntry],
    xs: Sequence[float],
    right: float,
    top: float,
    shown: _Quantity,
    budget: float | None,
    metric: str,
) -> Markup:
    """One quantity: all steps as marks, those that were kept joined by a line."""
    places = zip(xs, shown.values, steps, strict=True)
    known = [(x, value, step) for x, value, step in places if value is not None]
    highest = max([value for _, value, _ in known] + [1.2 * (budget or 0.0)])
    lowest = min([value for _, value, _ in known] + [0.0])
    values = ticks(lowest, highest, 4)
    bottom = top + _HEIGHT
    scale = Scale(values[0], values[-1], bottom, top)
    if shown.in_percent:
        hundred = Scale(100 * scale.low, 100 * scale.high, scale.start, scale.end)
        axis = value_axis([100 * value for value in values], hundred, _LEFT, right)
    else:
        axis = value_axis(values, scale, _LEFT, right)
    parts = [label(_LEFT, top - 12, shown.name, class_="strong"), axis]
    if budget is not None:
        words = f"allowed {metric_drop(metric, budget)}"
        parts += [
            line(_LEFT, scale(budget), right, scale(budget), "limit"),
            label(right, scale(budget) - 5, words, "end", "limit-text"),
        ]
    parts.append(polyline(((x, scale(value)) for x, value, step in known if step.kept), "path"))
    for x, value, step in known:
        kind = "kept" if step.kept else "dropped"
        parts.append(dot(x, scale(value), 3.5 if len(steps) < 120 else 2.5, kind, _hint(step, metric)))
    return Markup().join(parts)


def _hint(step: StepEntry, metric: str) -> str:
    words = (
        None if step.step is None else f"step {step.step}",
        step.label,
        None if step.cost is None else f"cost {percent(step.cost)}",
        None if step.drop is None else f"drop {metric_drop(metric, step.drop)}",
        None if step.loss is None else f"loss {step.loss:.4g}",
        None if step.kept else "not kept",
    )
    return ", ".join(word for word in words if word)
