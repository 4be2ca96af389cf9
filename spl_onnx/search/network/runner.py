"""Running a network with many configurations, starting behind what did not change.

The state of the network (all tensors that cross a cut, for all samples) is kept at cuts where the next
configurations will agree. A run starts at the last kept cut before the first site that differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from spl_onnx.data.reader import Feeds
from spl_onnx.measure.evaluate import Progress, silent
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import converted_sites
from spl_onnx.search.network.segments import Segment, cut
from spl_onnx.search.network.variants import variant
from spl_onnx.search.settings import Config

#: A state for each batch of samples.
States = list[Feeds]
#: What the sites of a segment are set to.
Key = tuple[str, ...]


@dataclass
class _Kept:
    """States at a cut, and the settings of everything before it."""

    prefix: tuple[Key, ...]
    states: States
    bytes: int


class NetworkRunner:
    """Gives the outputs of a network for a configuration of its sites.

    Args:
        model: a rewritten model in which every site that can be predicted has a prediction.
        batches: the samples.
        threads: threads inside an operator; 0 = ONNX Runtime's own choice.
        cache_bytes: memory for kept states; where they do not fit, runs start earlier.
    """

    def __init__(
        self, model: onnx.ModelProto, batches: Sequence[Feeds], threads: int = 0, cache_bytes: int = 1 << 30
    ) -> None:
        self.segments = cut(model)
        self.batches = list(batches)
        self.output = model.graph.output[0].name
        self._threads = threads
        self._limit = cache_bytes
        self._sites = [tuple(s.name for s in converted_sites(segment.model)) for segment in self.segments]
        self._sessions: list[dict[Key, Any]] = [{} for _ in self.segments]
        self._kept: dict[int, _Kept] = {}
        #: Segments that were run for one batch, for tests and reports of what the cache saved.
        self.segment_runs = 0

    @property
    def sites(self) -> list[str]:
        """All sites, in order."""
        return [name for names in self._sites for name in names]

    def place(self, site: str) -> int:
        """Index of the segment of a site."""
        return next(i for i, names in enumerate(self._sites) if site in names)

    def outputs(self, config: Config, progress: Progress = silent) -> NDArray[Any]:
        """The first output of the network for all samples, [samples, ...]."""
        keys = self._keys(config)
        start, states = self._start(keys, len(self.segments))
        found = []
        for state in states:
            found.append(self._advance(state, start, len(self.segments), keys, config)[self.output])
            progress(len(found[-1]))
        self._forget(keys)
        return np.concatenate(found)

    def hold(self, config: Config, site: str) -> None:
        """Keep the states before a site: the next configurations will differ from there on.

        Nothing is kept where the memory does not suffice.
        """
        place, keys = self.place(site), self._keys(config)
        if place == 0 or self._has(place, keys):
            return
        start, before = self._start(keys, place)
        states: States = []
        total = 0
        for state in before:
            states.append(self._advance(state, start, place, keys, config))
            total += sum(array.nbytes for array in states[-1].values())
            if total > self._limit:
                return
        self._make_room(total, place)
        self._kept[place] = _Kept(keys[:place], states, total)

    def _keys(self, config: Config) -> tuple[Key, ...]:
        return tuple(
            tuple(config[name].key if name in config else "" for name in names) for names in self._sites
        )

    def _has(self, place: int, keys: tuple[Key, ...]) -> bool:
        return place in self._kept and self._kept[place].prefix == keys[:place]

    def _start(self, keys: tuple[Key, ...], end: int) -> tuple[int, States]:
        """The last place up to `end` whose states are kept for these settings."""
        places = [place for place in self._kept if place <= end and self._has(place, keys)]
        if not places:
            return 0, self.batches
        return max(places), self._kept[max(places)].states

    def _make_room(self, wanted: int, place: int) -> None:
        """Drop kept states, the ones farthest behind or before `place` first."""
        self._kept.pop(place, None)
        for other in sorted(self._kept, key=lambda p: -abs(p - place)):
            if wanted + sum(kept.bytes for kept in self._kept.values()) <= self._limit:
                return
            del self._kept[other]

    def _advance(
        self, state: Feeds, begin: int, end: int, keys: tuple[Key, ...], config: Config
    ) -> Feeds:
        """The state at `end` of one batch that is at `begin`."""
        state = dict(state)
        for i in range(begin, end):
            segment = self.segments[i]
            session = self._session(i, keys[i], config)
            made = run(session, {name: state[name] for name in segment.reads}, segment.writes)
            state.update(zip(segment.writes, made, strict=True))
            for name in segment.drops:
                state.pop(name, None)
            self.segment_runs += 1
        return state

    def _session(self, place: int, key: Key, config: Config) -> Any:
        sessions = self._sessions[place]
        if key not in sessions:
            sessions[key] = create_session(
                variant(self.segments[place].model, config), threads=self._threads
            )
        return sessions[key]

    def _forget(self, keys: tuple[Key, ...]) -> None:
        """Close sessions of settings that are no longer in use: exact ones and the last ones stay."""
        for sessions, key in zip(self._sessions, keys, strict=True):
            for other in [k for k in sessions if k != key and any(k)]:
                del sessions[other]


def open_segment(segment: Segment, extra: Sequence[str], threads: int) -> Any:
    """A session of an exact segment that also gives `extra` tensors (float32)."""
    model = variant(segment.model, {})
    present = {value.name for value in model.graph.output} | {value.name for value in model.graph.input}
    for name in extra:
        if name not in present:
            model.graph.output.append(
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            )
    return create_session(model, threads=threads)
