"""How long work tells what it has done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

#: Told after every part of the work how much was done, such as the samples of a batch.
Progress = Callable[[int], None]
#: Opens the progress of one stage of long work: what it does, and how much there is to do (None = unknown).
Stages = Callable[[str, int | None], AbstractContextManager[Progress]]


def silent(done: int) -> None:
    """The progress of callers that show none."""


@contextmanager
def silent_stages(what: str, total: int | None) -> Iterator[Progress]:
    """The stages of callers that show none."""
    yield silent
