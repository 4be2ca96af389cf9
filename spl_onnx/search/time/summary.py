"""What a report tells of a choice by time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimeSummary:
    """What was timed, how the search went and what it gains; None where nothing came to be measured.

    Attributes:
        timed_images: samples that times were measured on.
        time_batch: samples per run.
        threads: threads inside an operator.
        tried: changes of the choice that were timed.
        kept: how many of them were kept.
        speedup: the original's time by that of the choice.
        noise: what `speedup` may be off by chance.
        faster: whether the choice is quicker beyond the noise; else the original stays.
        original_ms: median time of the original.
        chosen_ms: median time of the choice.
        note: why the original stays.
    """

    timed_images: int
    time_batch: int
    threads: int
    tried: int | None = None
    kept: int | None = None
    speedup: float | None = None
    noise: float | None = None
    faster: bool = True
    original_ms: float | None = None
    chosen_ms: float | None = None
    note: str | None = None

    def as_json(self) -> dict[str, object]:
        """For the report, which does not name what was not measured."""
        return {name: value for name, value in vars(self).items() if value is not None}
