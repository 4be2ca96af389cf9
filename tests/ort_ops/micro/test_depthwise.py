"""depthwise.cc: outputs that see their own channel only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import (
    Clamp,
    FloatsOrBytes,
    Micro,
    Quantization,
    SumRows,
    TileView,
    UnitValueRows,
    ValueRows,
)
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.scores import score_view, scores
from tests.ort_ops.micro.values import LANES, clamp_of, clamped, strided, whole

#: One byte, vectors of all instruction sets and their ends, and four vectors of the widest.
COUNTS = (0, 1, 3, 4, 7, 15, 16, 17, 31, 32, 63, 64, 65, 127, 130, 200)
TAPS = (1, 3, 0, 6)


@in_child
def test_stack_rows(kernels: Micro) -> None:
    channels = kernels.unit_channels
    for n, place in product(COUNTS, PLACES):
        memory = Memory(place)
        rows = np.random.default_rng(n).integers(0, 256, (channels, n)).astype(np.uint8)
        out = memory.room(n * channels, np.uint8 if channels == 4 else np.uint16)
        kernels.stack_rows(memory.pointers([memory.put(row, np.uint8) for row in rows]), n, out)
        memory.check()
        np.testing.assert_array_equal(out, rows.T.reshape(-1))


@dataclass(frozen=True)
class Case:
    """A call: where its arrays lie, and its sizes."""

    place: int
    count: int
    blocks: int
    taps: int

    @property
    def width(self) -> int:
        return LANES * self.blocks

    def operands(self, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Units, weights, and first units of slots and of taps, which overlap."""
        rng = np.random.default_rng(1000 * self.blocks + self.count)
        slots, taps = np.arange(self.count) * 3, np.arange(self.taps)[::-1] * 5
        size = int(slots.max(initial=0) + taps.max(initial=0)) + self.width
        x = rng.integers(0, 256, (size if self.count * self.taps else 0, channels))
        return x, rng.integers(-128, 128, (self.taps, self.width, channels)), slots, taps


@dataclass(frozen=True)
class Call:
    """The first arguments of a kernel, and the sums `[slots, outputs]`."""

    view: TileView
    weights: np.ndarray
    begin: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, case: Case, memory: Memory, channels: int) -> Call:
        x, weights, slots, taps = case.operands(channels)
        begin = np.arange(case.width) - 7
        units = (slots[:, None, None] + taps[:, None]) + np.arange(case.width)
        products = np.einsum("stou,tou->so", x[units], weights) if units.size else 0
        narrow, wide = (np.uint8, np.int8) if channels == 4 else (np.int16, np.int16)
        offsets = [memory.put(4 * first, np.int64) for first in (slots, taps)]
        return cls(
            TileView(memory.put(x, narrow), *offsets, case.taps),
            memory.put(weights, wide),
            memory.put(begin, np.int32),
            np.broadcast_to(begin, (case.count, case.width)) + products,
        )


def cases() -> Iterator[Case]:
    for i, (blocks, count, place) in enumerate(product(range(1, 11), range(14), range(len(PLACES)))):
        yield Case(place, count, blocks, TAPS[(i + count) % len(TAPS)])


def floats(case: Case, memory: Memory) -> tuple[TileView, np.ndarray, np.ndarray, np.ndarray]:
    """The first arguments of a kernel of floats, what sums begin at, and the sums."""
    x, weights, slots, taps = case.operands(1)
    rng = np.random.default_rng(case.count)
    packed, w = whole(rng, len(x)), whole(rng, *weights.shape[:2])
    begin = whole(rng, case.width)
    units = (slots[:, None, None] + taps[:, None]) + np.arange(case.width)
    products = np.einsum("sto,to->so", packed[units], w) if units.size else 0
    offsets = [memory.put(4 * first, np.int64) for first in (slots, taps)]
    view = TileView(memory.put(packed), *offsets, case.taps)
    sums = np.broadcast_to(begin, (case.count, case.width)) + products
    return view, memory.put(w), memory.put(begin), np.asarray(sums, np.float32)


@in_child
def test_depthwise_slots(kernels: Micro) -> None:
    for case in cases():
        memory, stride = Memory(PLACES[case.place]), case.width + 3
        view, weights, begin, sums = floats(case, memory)
        end = memory.room(strided(sums, stride).size)
        kernels.depthwise_slots(view, weights, case.blocks, case.count, SumRows(begin, 0, end, stride))
        memory.check()
        np.testing.assert_array_equal(end, strided(sums, stride))


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_depthwise_values(kernels: Micro, with_residual: bool) -> None:
    for i, case in enumerate(cases()):
        memory, stride, clamp = Memory(PLACES[case.place]), case.width + 3, clamp_of(i)
        view, weights, begin, sums = floats(case, memory)
        residual = whole(np.random.default_rng(i), case.count, case.width) * with_residual
        added = memory.put(strided(residual, stride)) if with_residual else None
        y = memory.room(strided(sums, stride).size)
        rows = ValueRows(begin, 0, added, y, stride, clamp)
        kernels.depthwise_values(view, weights, case.blocks, case.count, rows)
        memory.check()
        want = clamped(sums + residual, clamp)
        np.testing.assert_array_equal(y, strided(want.astype(np.float32), stride))


@in_child
def test_depthwise_units(kernels: Micro) -> None:
    for case in cases():
        memory, stride = Memory(PLACES[case.place]), case.width + 3
        call = Call.of(case, memory, kernels.unit_channels)
        end = memory.room(strided(call.sums, stride).size, np.int32)
        rows = SumRows(call.begin, 0, end, stride)
        kernels.depthwise_units(call.view, call.weights, case.blocks, case.count, rows)
        memory.check()
        np.testing.assert_array_equal(end, strided(call.sums.astype(np.int32), stride))


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_depthwise_units_values(kernels: Micro, with_residual: bool) -> None:
    for i, case in enumerate(cases()):
        memory, stride, clamp = Memory(PLACES[case.place]), case.width + 3, clamp_of(i)
        call = Call.of(case, memory, kernels.unit_channels)
        residual = whole(np.random.default_rng(i), case.count, case.width)
        added = memory.put(strided(residual, stride)) if with_residual else None
        y = memory.room(strided(residual, stride).size)
        rows = UnitValueRows(
            call.begin,
            0,
            score_view(memory, case.width),
            FloatsOrBytes.of(added),
            FloatsOrBytes.of(y),
            stride,
            clamp,
            False,
        )
        kernels.depthwise_units_values(call.view, call.weights, case.blocks, case.count, rows)
        memory.check()
        values = scores(call.sums)
        want = clamped(values + residual if with_residual else values, clamp)
        np.testing.assert_array_equal(y, strided(want.astype(np.float32), stride))


@in_child
def test_depthwise_units_values_of_bytes(kernels: Micro) -> None:
    for case in cases():
        memory, stride, code = Memory(PLACES[case.place]), case.width + 3, Quantization.of(0.5, 7.0)
        call = Call.of(case, memory, kernels.unit_channels)
        spread = strided(np.zeros((case.count, case.width), np.uint8), stride)
        y = memory.room(spread.size, np.uint8)
        rows = UnitValueRows(
            call.begin,
            0,
            score_view(memory, case.width),
            FloatsOrBytes.of(None),
            FloatsOrBytes.of(y, code),
            stride,
            Clamp(0.0, 6.0, 0.0),
            False,
        )
        kernels.depthwise_units_values(call.view, call.weights, case.blocks, case.count, rows)
        memory.check()
        levels = np.rint(np.clip(scores(call.sums), 0, 6).astype(np.float32) * np.float32(2)) + 7
        want, written = strided(levels.astype(np.uint8), stride), spread == 0
        np.testing.assert_array_equal(y[written], want[written])
