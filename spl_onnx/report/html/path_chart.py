"""The way a search took: cost and loss after every step."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from spl_onnx.report.formats import Entry, is_share, metric_drop, percent
from spl_onnx.report.html.svg import Scale, dot, label, line, picture, polyline, ticks, value_axis

Step = Entry

_LEFT = 48.0
_RIGHT = 24.0
_HEIGHT = 130.0
_TOP = 30.0
_GAP = 46.0
_WIDTH = 990.0
_SLOTS = (6.0, 90.0)


def path_chart(steps: Sequence[Step], metric: str, budget: float | None, cost_name: str) -> Markup | None:
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
    dropped = any(step.get("drop") is not None for step in steps)
    key, name = (
        ("drop", f"drop of {metric}{', points' if is_share(metric) else ''}") if dropped else ("loss", "loss")
    )
    below = _TOP + _HEIGHT + _GAP
    parts = [
        _panel(steps, xs, right, _TOP, "cost", cost_name, None, metric),
        _panel(steps, xs, right, below, key, name, budget if dropped else None, metric),
        label(right, below + _HEIGHT + 18, f"step {_number(steps[-1], len(steps))}", "end"),
        label(_LEFT, below + _HEIGHT + 18, f"step {_number(steps[0], 1)}"),
    ]
    return picture(right + _RIGHT, below + _HEIGHT + 26, "The search: cost and loss by step", *parts)


def _number(step: Step, default: int) -> str:
    return str(step.get("step", default))


def _panel(
    steps: Sequence[Step],
    xs: Sequence[float],
    right: float,
    top: float,
    key: str,
    name: str,
    budget: float | None,
    metric: str,
) -> Markup:
    """One quantity: all steps as marks, those that were kept joined by a line."""
    known = [(x, step) for x, step in zip(xs, steps, strict=True) if step.get(key) is not None]
    highest = max([step[key] for _, step in known] + [1.2 * (budget or 0.0)], default=0.0)
    lowest = min([step[key] for _, step in known] + [0.0], default=0.0)
    values = ticks(lowest, highest, 4)
    bottom = top + _HEIGHT
    scale = Scale(values[0], values[-1], bottom, top)
    if key == "cost" or (key == "drop" and is_share(metric)):
        hundred = Scale(100 * scale.low, 100 * scale.high, scale.start, scale.end)
        axis = value_axis([100 * value for value in values], hundred, _LEFT, right)
    else:
        axis = value_axis(values, scale, _LEFT, right)
    parts = [label(_LEFT, top - 12, name, class_="strong"), axis]
    if budget is not None:
        words = f"allowed {metric_drop(metric, budget)}"
        parts += [
            line(_LEFT, scale(budget), right, scale(budget), "limit"),
            label(right, scale(budget) - 5, words, "end", "limit-text"),
        ]
    parts.append(polyline(((x, scale(step[key])) for x, step in known if step.get("kept", True)), "path"))
    for x, step in known:
        kind = "kept" if step.get("kept", True) else "dropped"
        parts.append(dot(x, scale(step[key]), 3.5 if len(steps) < 120 else 2.5, kind, _hint(step, metric)))
    return Markup().join(parts)


def _hint(step: Step, metric: str) -> str:
    drop = step.get("drop")
    words = (
        f"step {step['step']}" if "step" in step else None,
        str(step["label"]) if step.get("label") else None,
        f"cost {percent(step.get('cost'))}" if step.get("cost") is not None else None,
        f"drop {metric_drop(metric, drop)}" if drop is not None else None,
        f"loss {step['loss']:.4g}" if step.get("loss") is not None else None,
        None if step.get("kept", True) else "not kept",
    )
    return ", ".join(word for word in words if word)
