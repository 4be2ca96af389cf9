"""Parts of SVG drawings: scales, axes, marks. Colours and fonts come from the style sheet by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spl_onnx.report.html.escape import Html, Part, join, raw, tag

#: Width of a character of the labels, on average, in pixels.
CHARACTER = 6.3


@dataclass(frozen=True)
class Scale:
    """A straight line from values to pixels.

    Attributes:
        low: value at `start`.
        high: value at `end`; a scale without width puts every value at `start`.
        start: pixel.
        end: pixel.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside end at the border."""
        if self.high == self.low:
            return self.start
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values that cover a range, roughly `about` of them.

    The first is at or below `low`, the last at or above `high`, to the rounding of floating point.
    """
    span = high - low
    if not span > 0:
        span = abs(high) or 1.0
        high = low + span
    step = 10.0 ** math.floor(math.log10(span / about))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def number_label(value: float) -> str:
    """A value beside an axis."""
    return f"{value:.4g}"


def label(x: float, y: float, content: Part, anchor: str = "start", class_: str | None = None) -> Html:
    """Text; `y` is its base line."""
    return tag("text", content, x=x, y=y, text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def bar(x: float, width: float, top: float, bottom: float, class_: str, title: str | None = None) -> Html:
    """A rectangle; values above zero stay visible, however small."""
    height = max(bottom - top, 0.75)
    hint = None if title is None else tag("title", title)
    return tag("rect", hint, x=x, y=bottom - height, width=width, height=height, class_=class_)


def polyline(points: Iterable[tuple[float, float]], class_: str) -> Html:
    """Straight lines from point to point."""
    places = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return tag("polyline", points=places, class_=class_)


def dot(x: float, y: float, radius: float, class_: str, title: str | None = None) -> Html:
    """A round mark."""
    hint = None if title is None else tag("title", title)
    return tag("circle", hint, cx=x, cy=y, r=radius, class_=class_)


def value_axis(values: Sequence[float], scale: Scale, left: float, right: float, unit: str = "") -> Html:
    """Horizontal grid lines with their values at the left; the last one carries the unit."""
    parts = []
    for value in values:
        y = scale(value)
        words = number_label(value) + (f" {unit}" if unit and value == values[-1] else "")
        parts += [line(left, y, right, y, "grid"), label(left - 6, y + 4, words, "end")]
    return join(parts)


def shorten(name: str, width: float) -> str:
    """A name that fits into so many pixels; its end tells more than its start."""
    room = max(int(width / CHARACTER), 2)
    return name if len(name) <= room else f"…{name[1 - room :]}"


def picture(width: float, height: float, title: str, *parts: Part, style: str | None = None) -> Html:
    """A drawing of a fixed size in pixels.

    Args:
        width: in pixels.
        height: in pixels.
        title: what it shows, for readers who cannot see it.
        *parts: what it holds.
        style: the style sheet of a drawing that is a file of its own; None in a page, which has one.
    """
    alone = style is not None
    return tag(
        "svg",
        tag("style", raw(style)) if style is not None else None,
        *parts,
        xmlns="http://www.w3.org/2000/svg" if alone else None,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=title,
    )
