"""dense.cc: all outputs of a run of slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import NOTHING_AHEAD, Micro, Prefetch, SumRows, TileView, ValueRows
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import LANES, clamp_of, clamped, strided, whole

#: Taps and elements per tap.
DEPTHS = ((1, 1), (2, 3), (0, 2), (3, 5), (2, 0))


@dataclass(frozen=True)
class Case:
    """A call: where its arrays lie, and its sizes."""

    place: int
    count: int
    blocks: int
    taps: int
    depth: int

    @property
    def width(self) -> int:
        return LANES * self.blocks

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(1000 * self.blocks + self.count)

    def offsets(self) -> tuple[np.ndarray, np.ndarray]:
        """Bytes of slots and of taps; both overlap."""
        return np.arange(self.count) * 12, np.arange(self.taps)[::-1] * 20

    def elements(self) -> np.ndarray:
        """Element of the input of every slot, tap and depth."""
        slots, taps = self.offsets()
        return np.asarray((slots[:, None, None] + taps[:, None]) // 4 + np.arange(self.depth))

    def view(self, memory: Memory, packed: np.ndarray) -> TileView:
        slots, taps = (memory.put(offsets, np.int64) for offsets in self.offsets())
        return TileView(packed, slots, taps, self.taps)


def cases() -> Iterator[Case]:
    for i, (blocks, count, place) in enumerate(product(range(1, 9), range(18), range(len(PLACES)))):
        yield Case(place, count, blocks, *DEPTHS[(i + count) % len(DEPTHS)])


def size_of(elements: np.ndarray) -> int:
    return int(elements.max()) + 1 if elements.size else 0


def products(case: Case, packed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[slots, outputs] of floats."""
    sums: np.ndarray = np.einsum("stc,tco->so", packed[case.elements()], weights)
    return sums


@pytest.mark.parametrize("in_place", [False, True])
@in_child
def test_dense_slots(kernels: Micro, in_place: bool) -> None:
    for case in cases():
        rng, memory = case.rng(), Memory(PLACES[case.place])
        packed = whole(rng, size_of(case.elements()))
        weights = whole(rng, case.taps, case.depth, case.width)
        stride = case.width + 3
        begin = whole(rng, case.count if in_place else 1, case.width)
        start = memory.put(strided(begin, stride))
        end = start if in_place else memory.room(strided(np.empty((case.count, case.width)), stride).size)
        rows = SumRows(start, stride if in_place else 0, end, stride)
        w, view = memory.put(weights), case.view(memory, memory.put(packed))
        kernels.dense_slots(view, case.depth, w, case.blocks, case.count, rows, Prefetch(w, 1000))
        memory.check()
        want = np.broadcast_to(begin, (case.count, case.width)) + products(case, packed, weights)
        np.testing.assert_array_equal(end, strided(want.astype(np.float32), stride))


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_dense_values(kernels: Micro, with_residual: bool) -> None:
    for i, case in enumerate(cases()):
        rng, memory, clamp = case.rng(), Memory(PLACES[case.place]), clamp_of(i)
        packed = whole(rng, size_of(case.elements()))
        weights, bias = whole(rng, case.taps, case.depth, case.width), whole(rng, case.width)
        stride, residual = case.width + 3, whole(rng, case.count, case.width) * with_residual
        y = memory.room(strided(residual, stride).size)
        added = memory.put(strided(residual, stride)) if with_residual else None
        rows = ValueRows(memory.put(bias), 0, added, y, stride, clamp)
        view = case.view(memory, memory.put(packed))
        kernels.dense_values(
            view, case.depth, memory.put(weights), case.blocks, case.count, rows, NOTHING_AHEAD
        )
        memory.check()
        want = clamped(bias + products(case, packed, weights) + residual, clamp)
        np.testing.assert_array_equal(y, strided(want.astype(np.float32), stride))


@in_child
def test_dense_units(kernels: Micro) -> None:
    channels = kernels.unit_channels
    narrow, wide = (np.uint8, np.int8) if channels == 4 else (np.int16, np.int16)
    for case in cases():
        rng, memory = case.rng(), Memory(PLACES[case.place])
        x = rng.integers(0, 256, (size_of(case.elements()), channels))
        weights = rng.integers(-128, 128, (case.taps, case.depth, case.width, channels))
        begin, stride = rng.integers(-1000, 1000, (1, case.width)), case.width + 3
        end = memory.room(strided(np.empty((case.count, case.width)), stride).size, np.int32)
        rows = SumRows(memory.put(begin, np.int32), 0, end, stride)
        view = case.view(memory, memory.put(x, narrow))
        kernels.dense_units(view, case.depth, memory.put(weights, wide), case.blocks, case.count, rows)
        memory.check()
        want = begin + np.einsum("stcu,tcou->so", x[case.elements()], weights)
        np.testing.assert_array_equal(end, strided(want.astype(np.int32), stride))
