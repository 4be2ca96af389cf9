"""The tables, as Markdown and as JSON."""

from __future__ import annotations

from scripts.peers.measure import Quality, Result, Start

COLUMNS = (
    "network",
    "batch",
    "threads",
    "engine",
    "ONNX Runtime float32 / engine",
    "ms",
    "top-1",
    "drop in points (95 %)",
)
START_COLUMNS = ("network", "batch", "threads", "engine", "open s", "first run ms", "peak MB", "before MB")


def header(columns: tuple[str, ...]) -> str:
    """The first two lines of a table."""
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def line(network: str, batch: int, threads: int, engine: str, result: Result | Start | str) -> str:
    """A row; one without figures says why."""
    figures = (*["-"] * 3, result) if isinstance(result, str) else _figures(result)
    cells = (network, str(batch), str(threads), engine, *figures)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _figures(result: Result | Start) -> tuple[str, ...]:
    if isinstance(result, Start):
        memory = f"{result.peak_mb:.0f}", f"{result.before_mb:.0f}"
        return f"{result.seconds:.3f}", f"{result.first_ms:.2f}", *memory
    ratio, top1 = result.ratio, result.quality.top1
    speed = f"**{ratio.ratio:.2f}** ± {ratio.noise:.2f}", f"{result.timing.median:.2f}"
    return *speed, "-" if top1 is None else f"{top1:.1%}", _drop(result.quality)


def row_entry(result: Result | Start | str) -> dict[str, object]:
    """A row for JSON."""
    if isinstance(result, str):
        return {"failure": result}
    if isinstance(result, Start):
        return vars(result)
    drop = result.quality.drop
    return {
        "ratio": result.ratio.ratio,
        "noise": result.ratio.noise,
        "ms": [float(ms) for ms in result.timing.milliseconds],
        "top1": result.quality.top1,
        "drop": drop.drop,
        "drop_interval": list(drop.interval),
        "images": drop.images,
        "says": dict(result.says),
    }


def _drop(quality: Quality) -> str:
    """Points lost of top-1, above 0 for a loss."""
    drop = quality.drop
    low, high = drop.interval
    kind = "" if quality.top1 is not None else " other decisions"
    return f"{100 * drop.drop:+.1f}{kind} of {drop.images} ({100 * low:+.1f} .. {100 * high:+.1f})"
