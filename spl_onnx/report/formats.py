"""Numbers as text."""

from __future__ import annotations


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


def metric_value(name: str, value: float | None) -> str | None:
    """A metric's mean in its usual unit."""
    if value is None:
        return None
    if name.startswith(("top", "agreement")):
        return percent(value, 2)
    return f"{value:.3f} dB" if name == "psnr" else f"{value:.4g}"
