"""Turns: who runs when, on which images, and what becomes of one that fails."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from scripts.peers.turns import IMAGE, SEVERAL, Block, block_for, take_turns
from scripts.peers.workers import EngineError

Call = tuple[str, int, int, int]


@dataclass
class Recorded:
    """Notes its turns; a batch takes as many ms as its index, times a factor."""

    name: str
    log: list[Call] = field(default_factory=list)
    factor: float = 1.0
    fails_at: int | None = None

    def times(self, first: int, runs: int, warmup: int) -> list[float]:
        self.log.append((self.name, first, runs, warmup))
        if self.fails_at is not None and first >= self.fails_at:
            raise EngineError("out of memory")
        return [(i + 1) * self.factor for i in range(first, first + runs)]


def test_images_go_round_and_the_first_changes() -> None:
    log: list[Call] = []
    engines = {name: Recorded(name, log) for name in "abc"}
    take_turns(engines, 3, IMAGE)
    assert [call[:3] for call in log[:3]] == [("a", 0, 1), ("b", 0, 1), ("c", 0, 1)]  # before the first turn
    assert "".join(name for name, *_ in log[3:]) == "abc" + "bca" + "cab"
    assert [first for _, first, *_ in log[3:]] == [0] * 3 + [1] * 3 + [2] * 3
    assert {(runs, warmup) for _, _, runs, warmup in log[3:]} == {(1, 0)}


def test_several_threads_take_blocks_behind_one_that_is_not_timed() -> None:
    log: list[Call] = []
    outcome = take_turns({"a": Recorded("a", log)}, 6, SEVERAL)
    assert log[1:] == [("a", 0, 4, 1), ("a", 4, 4, 1)]
    assert list(outcome.timings["a"].milliseconds) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_times_are_of_the_same_batches_in_the_same_order() -> None:
    engines = {"a": Recorded("a"), "b": Recorded("b", factor=2.0)}
    timings = take_turns(engines, 5, IMAGE).timings
    assert list(timings["b"].milliseconds / timings["a"].milliseconds) == [2.0] * 5


@pytest.mark.parametrize("fails_at", [0, 2])
def test_one_that_fails_is_left_out(fails_at: int) -> None:
    log: list[Call] = []
    engines = {"a": Recorded("a", log), "b": Recorded("b", log, fails_at=fails_at)}
    outcome = take_turns(engines, 4, IMAGE)
    assert outcome.failures == {"b": "out of memory"} and set(outcome.timings) == {"a"}
    assert len(outcome.timings["a"].milliseconds) == 4
    assert [first for name, first, *_ in log if name == "b"][-1] == fails_at


def test_the_turn_suits_the_threads() -> None:
    assert block_for(1) == IMAGE == Block(1, 0)
    assert block_for(2) == block_for(8) == SEVERAL
