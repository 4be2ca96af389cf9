"""Running a network with many configurations, starting behind what did not change.

The state of the network (all tensors that cross a cut, for all samples) is kept at cuts where the next
configurations will agree. A run starts at the last kept cut before the first site that differs.

The first batches go through the network one segment after the other, because the shift of a site's bias
depends on what the sites before it have become; the others follow batch by batch, with the shifts found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.sessions import run
from spl_onnx.measure.sites import is_operator
from spl_onnx.progress import Progress, silent
from spl_onnx.search.network.segments import Segment
from spl_onnx.search.network.sessions import SegmentSessions
from spl_onnx.search.network.shifts import Probe, shift
from spl_onnx.search.network.variants import site_residual, site_weights
from spl_onnx.search.settings import EXACT, Config, Setting
from spl_onnx.spec.attributes import SRMM

#: A state for each batch of samples.
States = list[Feeds]
Shift = NDArray[np.float32]
#: Samples that the shifts of the bias come from.
SHIFT_SAMPLES = 48


@dataclass
class _KeptStates:
    """States at a cut, with the settings and shifts of everything before it."""

    prefix: tuple[str, ...]
    states: States
    shifts: dict[str, Shift]
    bytes: int


@dataclass
class _Stretch:
    """A run from one cut to another.

    Attributes:
        begin, end: the cuts.
        config: settings by site.
        shifts: of the sites before `end`; those behind `begin` are found on the way.
    """

    begin: int
    end: int
    config: Config
    shifts: dict[str, Shift]


class NetworkRunner:
    """Gives the outputs of a network for a configuration of its sites.

    Args:
        network: the segments of a rewritten model.
        batches: the samples.
        cache_bytes: memory for kept states; where they do not fit, runs start earlier.
        shifted: whether biases are shifted by what is missing.
        fixed: sites whose bias stays as it is.
    """

    def __init__(
        self,
        network: SegmentSessions,
        batches: Sequence[Feeds],
        cache_bytes: int = 512 << 20,
        shifted: bool = True,
        fixed: Collection[str] = (),
    ) -> None:
        self.segments = network.segments
        self._network = network
        self._fixed = frozenset(fixed)
        self.batches = list(batches)
        self._limit = cache_bytes
        self._kept: dict[int, _KeptStates] = {}
        self._exact: dict[str, Shift] = {}
        self._first = _first_batches(self.batches) if shifted else 0
        #: Shifts of the configuration that was run last, by site.
        self.shifts: dict[str, Shift] = {}
        #: Segments that were run for one batch, for tests and reports of what the cache saved.
        self.segment_runs = 0

    @property
    def sites(self) -> list[str]:
        """All sites that can be set, in order."""
        return [segment.site.name for segment in self.segments if segment.site is not None]

    def place(self, site: str) -> int:
        """Index of the segment of a site."""
        return next(i for i, s in enumerate(self.segments) if s.site is not None and s.site.name == site)

    def outputs(self, config: Config, progress: Progress = silent) -> Array:
        """The first output of the network for all samples, [samples, ...]."""
        self._learn_exact(config)
        stretch, states = self._start(config, len(self.segments))
        found = []
        for state in self._through(stretch, states):
            found.append(state[self._network.output])
            progress(len(found[-1]))
        self.shifts = stretch.shifts
        return np.concatenate(found)

    def outputs_of_first(self, config: Config) -> Array:
        """The outputs for the samples that the shifts come from, which are found anew."""
        batches = self.batches
        try:
            self.batches = batches[: self._first or 1]
            return self.outputs(config)
        finally:
            self.batches = batches

    def hold(self, config: Config, site: str) -> None:
        """Keep the states before a site: the next configurations will differ from there on.

        Nothing is kept where the memory does not suffice.
        """
        place, key = self.place(site), self._key(config)
        if place == 0 or self._has(place, key):
            return
        self._learn_exact(config)
        stretch, before = self._start(config, place)
        states: States = []
        total = 0
        for state in self._through(stretch, before):
            states.append(state)
            total += sum(array.nbytes for array in state.values())
            if total > self._limit:
                return
        self._make_room(total, place)
        self._kept[place] = _KeptStates(key[:place], states, dict(stretch.shifts), total)

    def _learn_exact(self, config: Config) -> None:
        """Run the exact network before the first other one, whose sums are compared with it."""
        known = len(self._exact) == len(self.sites)
        if self._first and not known and any(setting.key for setting in config.values()):
            self.outputs_of_first({})

    def release(self) -> None:
        """Give back the memory of kept states and sessions; they are made again when they are needed."""
        self._kept.clear()
        self._network.close()

    def _key(self, config: Config) -> tuple[str, ...]:
        return tuple(self._setting(segment, config).key for segment in self.segments)

    @staticmethod
    def _setting(segment: Segment, config: Config) -> Setting:
        return EXACT if segment.site is None else config.get(segment.site.name, EXACT)

    def _has(self, place: int, key: tuple[str, ...]) -> bool:
        return place in self._kept and self._kept[place].prefix == key[:place]

    def _start(self, config: Config, end: int) -> tuple[_Stretch, States]:
        """A run to `end` from the last place whose states are kept for these settings."""
        key = self._key(config)
        places = [place for place in self._kept if place <= end and self._has(place, key)]
        if not places:
            return _Stretch(0, end, config, {}), self.batches
        kept = self._kept[max(places)]
        stretch = _Stretch(max(places), end, config, dict(kept.shifts))
        return stretch, kept.states[: len(self.batches)]

    def _make_room(self, wanted: int, place: int) -> None:
        """Drop kept states, those farthest from `place` first."""
        self._kept.pop(place, None)
        for other in sorted(self._kept, key=lambda p: -abs(p - place)):
            if wanted + sum(kept.bytes for kept in self._kept.values()) <= self._limit:
                return
            del self._kept[other]

    def _through(self, stretch: _Stretch, states: States) -> Iterator[Feeds]:
        """Yield the state of every batch at the end of a stretch."""
        first = [dict(state) for state in states[: self._first]]
        for i in range(stretch.begin, stretch.end):
            if first:
                self._find_shift(i, first, stretch)
            for state in first:
                self._step(i, state, stretch)
        yield from first
        for state in states[self._first :]:
            state = dict(state)
            for i in range(stretch.begin, stretch.end):
                self._step(i, state, stretch)
            yield state

    def _find_shift(self, i: int, states: States, stretch: _Stretch) -> None:
        """Compare the sums of a site with those of the exact network, or learn them from it."""
        site = self.segments[i].site
        if site is None:
            return
        probe = self._probe(i)
        now = probe.sums(states)
        if site.name not in self._exact:
            self._exact[site.name] = now
        exact = self._exact[site.name]
        found = shift(exact, now, site_weights(self.segments[i].model)[1], self._clip_min(i))
        if found is not None and site.name not in self._fixed:
            stretch.shifts[site.name] = found

    def _probe(self, i: int) -> Probe:
        segment = self.segments[i]
        assert segment.site is not None
        w, _ = site_weights(segment.model)
        return Probe(w, segment.site.geometry, segment.site.x, site_residual(segment.model))

    def _clip_min(self, i: int) -> float:
        """The least value of a site's activation."""
        node = next(node for node in self.segments[i].model.graph.node if is_operator(node, SRMM))
        return next(float(a.f) for a in node.attribute if a.name == "clip_min")

    def _step(self, i: int, state: Feeds, stretch: _Stretch) -> None:
        """Take a batch's state through a segment."""
        segment = self.segments[i]
        found = None if segment.site is None else stretch.shifts.get(segment.site.name)
        session = self._network.session(i, self._setting(segment, stretch.config), found)
        made = run(session, {name: state[name] for name in segment.reads}, segment.writes)
        state.update(zip(segment.writes, made, strict=True))
        for name in segment.drops:
            state.pop(name, None)
        self.segment_runs += 1


def _first_batches(batches: Sequence[Feeds]) -> int:
    """How many batches give the samples for the shifts."""
    count, samples = 0, 0
    while count < len(batches) and samples < SHIFT_SAMPLES:
        first = next(iter(batches[count].values()))
        samples += len(first) if first.ndim else 1
        count += 1
    return count
