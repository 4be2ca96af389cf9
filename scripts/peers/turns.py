"""Timing in turns: every engine gets the same images, one after the other, so that all see the same machine.

With one thread a turn is one image. With more it is a block of images behind one that is not timed: threads
of the engine before may still spin, and those of this one sleep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from scripts.peers.workers import EngineError
from spl_onnx.measure.bench import Timing


class Timed(Protocol):
    """What turns are taken with; see `Worker`."""

    def times(self, first: int, runs: int, warmup: int) -> list[float]:
        """Times in ms of `runs` batches from batch `first` on, after `warmup` runs of that one."""


@dataclass(frozen=True)
class Block:
    """What an engine does in a turn.

    Attributes:
        runs: that are timed.
        warmup: runs before those.
    """

    runs: int
    warmup: int


IMAGE, SEVERAL = Block(1, 0), Block(4, 1)
#: Runs of every engine before the first turn.
_FIRST_RUNS = 2


def block_for(threads: int) -> Block:
    """The turn that suits a number of threads."""
    return IMAGE if threads == 1 else SEVERAL


@dataclass
class Outcome:
    """Times of engines.

    Attributes:
        timings: of those that ran, all of the same batches in the same order.
        failures: of the others, by name, and why.
    """

    timings: dict[str, Timing] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def take_turns(engines: Mapping[str, Timed], runs: int, block: Block) -> Outcome:
    """Time engines in turns; who comes first changes from turn to turn.

    Args:
        engines: by name. One that fails is left out from then on.
        runs: timed batches per engine, rounded up to whole blocks.
        block: what is done in a turn.
    """
    outcome = Outcome()
    times: dict[str, list[float]] = {name: [] for name in engines}

    def turn(name: str, first: int, runs: int, warmup: int) -> list[float]:
        try:
            return engines[name].times(first, runs, warmup)
        except EngineError as error:
            outcome.failures[name] = str(error)
            return []

    for name in engines:
        turn(name, 0, 1, _FIRST_RUNS)
    for i, first in enumerate(range(0, runs, block.runs)):
        present = [name for name in engines if name not in outcome.failures]
        for k in range(len(present)):
            name = present[(i + k) % len(present)]
            times[name] += turn(name, first, block.runs, block.warmup)
    for name, values in times.items():
        if name not in outcome.failures:
            outcome.timings[name] = Timing(np.array(values))
    return outcome
