"""Parts of SVG drawings: scales, axes, marks. Colours and fonts come from the style sheet by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spl_onnx.report.html.markup import draw, raw

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


def _mark(name: str, *values: object) -> Markup:
    return draw("drawing.svg.jinja", name, *values)


def rectangle(
    x: float, y: float, width: float, height: float, class_: str, title: str | None = None
) -> Markup:
    """A rectangle from its upper left corner."""
    return _mark("rectangle", x, y, width, height, class_, title)


def label(x: float, y: float, words: str, anchor: str = "start", class_: str | None = None) -> Markup:
    """Text; `y` is its base line."""
    return _mark("label", x, y, words, anchor, class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return _mark("line", x1, y1, x2, y2, class_)


def bar(x: float, width: float, top: float, bottom: float, class_: str, title: str | None = None) -> Markup:
    """A rectangle; values above zero stay visible, however small."""
    height = max(bottom - top, 0.75)
    return rectangle(x, bottom - height, width, height, class_, title)


def polyline(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """Straight lines from point to point."""
    return _mark("polyline", list(points), class_)


def dot(x: float, y: float, radius: float, class_: str, title: str | None = None) -> Markup:
    """A round mark."""
    return _mark("dot", x, y, radius, class_, title)


def value_axis(values: Sequence[float], scale: Scale, left: float, right: float, unit: str = "") -> Markup:
    """Horizontal grid lines with their values at the left; the last one carries the unit."""
    parts = []
    for value in values:
        y = scale(value)
        words = number_label(value) + (f" {unit}" if unit and value == values[-1] else "")
        parts += [line(left, y, right, y, "grid"), label(left - 6, y + 4, words, "end")]
    return Markup().join(parts)


def shorten(name: str, width: float) -> str:
    """A name that fits into so many pixels; its end tells more than its start."""
    room = max(int(width / CHARACTER), 2)
    return name if len(name) <= room else f"…{name[1 - room :]}"


def picture(width: float, height: float, title: str, *parts: Markup, style: str | None = None) -> Markup:
    """A drawing of a fixed size in pixels.

    Args:
        width: in pixels.
        height: in pixels.
        title: what it shows, for readers who cannot see it.
        *parts: what it holds.
        style: the style sheet of a drawing that is a file of its own; None in a page, which has one.
    """
    sheet = None if style is None else raw(style)
    return _mark("picture", f"{width:g}", f"{height:g}", title, parts, sheet)
