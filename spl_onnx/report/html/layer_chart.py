"""All layers at a glance: time before and after, and what share is computed, kept and zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spl_onnx.report.formats import milliseconds, percent
from spl_onnx.report.html.sites import Layer
from spl_onnx.report.html.svg import CHARACTER, Scale, bar, label, line, picture, shorten, ticks, value_axis

_LEFT = 80.0
_RIGHT = 10.0
_TOP = 26.0
_TIMES = 180.0
_STRIP = 26.0
_GAP = 14.0
_WIDTH = 990.0
_SLOTS = (10.0, 56.0)
_NAME = 320.0


def layer_chart(sites: Sequence[Layer]) -> Markup | None:
    """The drawing; None where nothing was measured.

    One slot per site in the order of the network, numbered like the rows of the table of layers.
    """
    strips = [strip for strip in _STRIPS if any(strip.value(site) is not None for site in sites)]
    longest = max((max(_times_of(site), default=0.0) for site in sites), default=0.0)
    if not strips and longest <= 0.0:
        return None
    low, high = _SLOTS
    slot = min(max((_WIDTH - _LEFT - _RIGHT) / len(sites), low), high)
    y, parts = _TOP, []
    if longest > 0.0:
        parts.append(_times(sites, longest, slot, y))
        y += _TIMES + _GAP
    for strip in strips:
        parts.append(strip.draw(sites, slot, y))
        y += _STRIP + _GAP
    parts.append(_numbers(len(sites), slot, y))
    title = "Each layer: time before and after, and shares"
    return picture(_LEFT + slot * len(sites) + _RIGHT, y + 10, title, *parts)


def _times_of(site: Layer) -> list[float]:
    return [time for time in (site.dense_ms, site.now_ms) if time is not None]


def _hint(index: int, site: Layer, words: str) -> str:
    return f"{index + 1}: {shorten(str(site.name), _NAME)}, {site.kind}, {words}"


def _times(sites: Sequence[Layer], longest: float, slot: float, top: float) -> Markup:
    """Pairs of bars: the original's time, and the time now in the colour of the choice."""
    bottom, right = top + _TIMES, _LEFT + slot * len(sites)
    scale = Scale(0.0, longest, bottom, top)
    values = [value for value in ticks(0.0, longest, 4) if value <= longest]
    parts = [value_axis(values, scale, _LEFT, right, "ms")]
    wide = min((slot - 2.0) / 2, 16.0)
    for index, site in enumerate(sites):
        middle = _LEFT + slot * (index + 0.5)
        before, now = site.dense_ms, site.now_ms
        hint = _hint(index, site, f"{milliseconds(before) or '?'} before, {milliseconds(now) or '?'} now")
        if before is not None:
            parts.append(bar(middle - wide, wide, scale(before), bottom, "original", hint))
        if now is not None:
            parts.append(bar(middle, wide, scale(now), bottom, site.kind, hint))
    return Markup().join([*parts, line(_LEFT, bottom, right, bottom, "axis")])


@dataclass(frozen=True)
class _Strip:
    """A row of shares from 0 to 1.

    Attributes:
        name: stands at its left.
        value: of a site; None = no bar.
        kind: colour of a bar.
    """

    name: str
    value: Callable[[Layer], float | None]
    kind: Callable[[Layer], str]

    def draw(self, sites: Sequence[Layer], slot: float, top: float) -> Markup:
        """The row, `_STRIP` pixels high."""
        bottom, right = top + _STRIP, _LEFT + slot * len(sites)
        scale = Scale(0.0, 1.0, bottom, top)
        name = label(_LEFT - 6, (top + bottom) / 2 + 4, self.name, "end")
        parts = [line(_LEFT, top, right, top, "grid"), name]
        wide = min(slot - 2.0, 32.0)
        for index, site in enumerate(sites):
            if (value := self.value(site)) is not None:
                x = _LEFT + slot * (index + 0.5) - wide / 2
                hint = _hint(index, site, f"{self.name} {percent(value)}")
                parts.append(bar(x, wide, scale(value), bottom, self.kind(site), hint))
        return Markup().join([*parts, line(_LEFT, bottom, right, bottom, "axis")])


_STRIPS = (
    _Strip("computed", lambda site: site.density, lambda site: site.kind),
    _Strip("kept", lambda site: site.keep, lambda site: "predict"),
    _Strip("input zeros", lambda site: site.zeros, lambda site: "neutral"),
)


def _numbers(count: int, slot: float, y: float) -> Markup:
    """Numbers of the layers, as many as there is room for."""
    width = (len(str(count)) + 1) * CHARACTER
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, count) if step * slot >= width or step == count)
    shown = [index for index in range(count) if (index + 1) % step == 0 or (index == 0 and step > 2)]
    return Markup().join(label(_LEFT + slot * (i + 0.5), y + 2, str(i + 1), "middle") for i in shown)
