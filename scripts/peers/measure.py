"""One network with one number of threads and one batch: times in turns, then decisions, engine by engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scripts.networks import Array, Labels
from scripts.peers.engines import Setup
from scripts.peers.lineup import REFERENCE, Peer
from scripts.peers.models import Models
from scripts.peers.ours import Search
from scripts.peers.turns import Outcome, block_for, take_turns
from scripts.peers.workers import EngineError, Worker
from spl_onnx.measure.bench import Timing
from spl_onnx.measure.confidence import Confidence
from spl_onnx.measure.metrics import TABLE, agreement, top1
from spl_onnx.search.time.stopwatch import Gain, gain

_STARTS = 3


@dataclass(frozen=True)
class Quality:
    """Decisions of an engine.

    Attributes:
        top1: share of right ones; None without classes.
        drop: of top-1 against the reference, without classes share of other decisions than its.
    """

    top1: float | None
    drop: Confidence


@dataclass(frozen=True)
class Result:
    """One row that has figures.

    Attributes:
        timing: in ms.
        ratio: time of the reference / time of this engine.
        quality: decisions.
        says: what the engine tells of itself.
    """

    timing: Timing
    ratio: Gain
    quality: Quality
    says: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """What it takes to open a network.

    Attributes:
        seconds: of opening it, median of several processes.
        first_ms: of the first run.
        peak_mb: most memory of the process.
        before_mb: the same before opening: Python and libraries.
    """

    seconds: float
    first_ms: float
    peak_mb: float
    before_mb: float


def judge(reference: Array, outputs: Array, classes: Labels | None) -> Quality:
    """Compare decisions.

    Args:
        reference: outputs [n, classes] of the reference.
        outputs: of an engine, same images.
        classes: right ones [n], or None.
    """
    if classes is None:
        same = agreement(outputs, reference)
        return Quality(None, TABLE["agreement"].confidence(np.ones_like(same), same))
    before, after = (top1(each, classes) for each in (reference, outputs))
    return Quality(float(after.mean()), TABLE["top1"].confidence(before, after))


class Contest:
    """All engines on one network.

    Args:
        peers: who takes part, the reference first.
        models: of the network.
        folder: for the images that the engines' processes read.
    """

    def __init__(self, peers: Sequence[Peer], models: Models, folder: Path) -> None:
        self._peers, self._models = peers, models
        self._images = folder / f"{models.name}.npy"
        np.save(self._images, models.examples.unseen)
        # Decisions depend on engine and model, not on threads and, but for rounding, not on the batch.
        self._outputs: dict[tuple[str, str], Array] = {}

    def rows(self, search: Search, runs: int) -> dict[str, Result | str]:
        """A result for every peer, or why there is none.

        Raises:
            EngineError: the reference fails.
        """
        setups, failures = self._setups(search)
        with ExitStack() as stack:
            workers, says = {}, {}
            for peer in self._peers:
                if peer.name in failures:
                    continue
                worker = stack.enter_context(Worker(self._images, peer.environment))
                try:
                    says[peer.name] = worker.open(setups[peer.name]).says
                    workers[peer.name] = worker
                except EngineError as error:
                    failures[peer.name] = str(error)
            outcome = take_turns(workers, runs, block_for(search.threads))
            failures |= outcome.failures
            self._require_reference(failures)
            return {
                peer.name: failures.get(peer.name)
                or self._result(workers[peer.name], setups[peer.name], peer.name, outcome, says[peer.name])
                for peer in self._peers
            }

    def starts(self, search: Search) -> dict[str, Start | str]:
        """What opening takes for every peer, each time in a new process, or why it fails."""
        setups, failures = self._setups(search)
        found: dict[str, Start | str] = dict(failures)
        for peer in self._peers:
            if peer.name not in failures:
                try:
                    found[peer.name] = self._start(peer, setups[peer.name])
                except EngineError as error:
                    found[peer.name] = str(error)
        return {peer.name: found[peer.name] for peer in self._peers}

    def _setups(self, search: Search) -> tuple[dict[str, Setup], dict[str, str]]:
        setups, failures = {}, {}
        for peer in self._peers:
            try:
                setups[peer.name] = peer.setup(self._models, search)
            except EngineError as error:
                failures[peer.name] = str(error)
        return setups, failures

    def _result(
        self, worker: Worker, setup: Setup, name: str, outcome: Outcome, says: Mapping[str, str]
    ) -> Result | str:
        timing, reference = outcome.timings[name], outcome.timings[REFERENCE]
        key = name, setup.model
        try:
            if key not in self._outputs:
                self._outputs[key] = worker.outputs(len(self._models.examples.unseen))
        except EngineError as error:
            return str(error)
        return Result(timing, gain(reference, timing), self._quality(key), says)

    def _quality(self, key: tuple[str, str]) -> Quality:
        """Of the images that both this engine and the reference were given."""
        reference, outputs = self._outputs[REFERENCE, str(self._models.float32())], self._outputs[key]
        count = min(len(reference), len(outputs))
        classes = self._models.examples.classes
        return judge(reference[:count], outputs[:count], None if classes is None else classes[:count])

    def _start(self, peer: Peer, setup: Setup) -> Start:
        seconds, firsts, peaks, before = [], [], [], []
        for _ in range(_STARTS):
            with Worker(self._images, peer.environment) as worker:
                opened = worker.open(setup)
                firsts += worker.times(0, 1, 0)
                seconds.append(opened.seconds)
                before.append(opened.before_mb)
                peaks.append(worker.peak_mb())
        return Start(*(float(np.median(values)) for values in (seconds, firsts, peaks, before)))

    @staticmethod
    def _require_reference(failures: Mapping[str, str]) -> None:
        if REFERENCE in failures:
            raise EngineError(failures[REFERENCE])
