"""Greedy improvement of the choices on the whole network, within a time budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spl_onnx.progress import Progress, silent
from spl_onnx.search.time.changes import Change, changes
from spl_onnx.search.time.choose import Choices
from spl_onnx.search.time.site_times import SiteTimes
from spl_onnx.search.time.stopwatch import Stopwatch, gain

#: Runs after which a change that is not quicker is given up.
_FIRST_LOOK = 6

#: From choices to a model that is ready to be timed.
Open = Callable[[Choices], Any]


@dataclass
class SearchState:
    """The state of a search.

    Attributes:
        choices: the best so far.
        opened: its model, ready to be timed.
        tried: changes that were timed.
        kept: how many of them were kept.
    """

    choices: Choices
    opened: object
    tried: int = 0
    kept: int = 0


class Refiner:
    """Tries changes and keeps those that make the whole network quicker.

    Args:
        times: of the sites.
        open_choices: makes a model.
        watch: times models.
        runs: runs of each model for a verdict.
        bound_ms: changes whose nodes lose more than this are not tried: no layout conversion pays for it.
        clock: seconds, for the budget.
    """

    def __init__(
        self,
        times: Sequence[SiteTimes],
        open_choices: Open,
        watch: Stopwatch,
        runs: int,
        bound_ms: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._times = times
        self._open = open_choices
        self._watch = watch
        self._runs = runs
        self._bound = bound_ms
        self._clock = clock

    def best_start(self, starts: Sequence[Choices]) -> SearchState:
        """The quickest of several choices by median time."""
        different = list(dict.fromkeys(starts))
        opened = [self._open(choices) for choices in different]
        timings = self._watch.times(opened, self._runs)
        best = min(range(len(different)), key=lambda i: timings[i].median)
        return SearchState(different[best], opened[best])

    def improve(self, search: SearchState, seconds: float, progress: Progress = silent) -> SearchState:
        """Try changes until none is left or the time is up.

        Args:
            search: where to start; it is changed.
            seconds: the budget.
            progress: told 1 after every change.
        """
        end = self._clock() + seconds
        seen = {search.choices}
        while self._clock() < end:
            change = self._next(search, seen)
            if change is None:
                break
            seen.add(change.choices)
            self._try(search, change)
            progress(1)
        return search

    def _next(self, search: SearchState, seen: set[Choices]) -> Change | None:
        return next(
            (
                change
                for change in changes(self._times, search.choices)
                if change.choices not in seen and change.loss_ms <= self._bound
            ),
            None,
        )

    def _try(self, search: SearchState, change: Change) -> None:
        search.tried += 1
        opened = self._open(change.choices)
        for runs in (min(_FIRST_LOOK, self._runs), self._runs):
            verdict = gain(*self._watch.times([search.opened, opened], runs))
            if verdict.ratio <= 1.0:
                return
        if verdict.is_real:
            search.choices, search.opened = change.choices, opened
            search.kept += 1
