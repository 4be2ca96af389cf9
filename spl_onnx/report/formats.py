"""Numbers as text."""

from __future__ import annotations

import math


def percent(value: float | None, digits: int = 1) -> str | None:
    """A fraction in percent."""
    return None if value is None else f"{100 * value:.{digits}f} %"


def operations(value: float | None) -> str | None:
    """Floating point operations with a unit."""
    if value is None:
        return None
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.2f} {unit}FLOP"
    return f"{value:.0f} FLOP"


def size(value: int | None) -> str | None:
    """Bytes with a unit."""
    if value is None:
        return None
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= step:
            return f"{value / step:.2f} {unit}"
    return f"{value} B"


def milliseconds(value: float | None) -> str | None:
    """A time to three digits, at most four behind the point."""
    if value is None:
        return None
    digits = 4 if value <= 0 else min(4, max(0, 2 - math.floor(math.log10(value))))
    return f"{value:.{digits}f} ms" if value else "0 ms"


def is_share(name: str) -> bool:
    """Whether a metric counts samples: its values are fractions, its drops percentage points."""
    return name.startswith(("top", "agreement"))


def metric_value(name: str, value: float | None) -> str | None:
    """A metric's mean in its usual unit."""
    if value is None:
        return None
    if is_share(name):
        return percent(value, 2)
    return f"{value:.3f} dB" if name == "psnr" else f"{value:.4g}"


def metric_drop(name: str, value: float | None) -> str | None:
    """A loss of a metric's mean: points of a hundred where the metric counts samples."""
    if value is None:
        return None
    return f"{100 * value:.2f} points" if is_share(name) else f"{value:.4g}"
