"""dense.cc: all outputs of a run of slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import (
    NOTHING_AHEAD,
    Clamp,
    FloatsOrBytes,
    Micro,
    Prefetch,
    Quantization,
    ScaledRows,
    ScoreView,
    SumRows,
    TileView,
    UnitValueRows,
    ValueRows,
)
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.scores import score_arrays, score_view, scores
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


@dataclass(frozen=True)
class UnitCase:
    """Quantised operands of a call, and its sums [slots, outputs]."""

    x: np.ndarray
    weights: np.ndarray
    begin: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, case: Case, channels: int, begins: int = 1) -> UnitCase:
        """`begins`: 1 for all slots together, or their number."""
        rng = case.rng()
        x = rng.integers(0, 256, (size_of(case.elements()), channels))
        weights = rng.integers(-128, 128, (case.taps, case.depth, case.width, channels))
        begin = rng.integers(-1000, 1000, (begins, case.width))
        products = np.einsum("stcu,tcou->so", x[case.elements()], weights)
        return cls(x, weights, begin, np.broadcast_to(begin, products.shape) + products)

    def operands(self, case: Case, memory: Memory) -> tuple[TileView, int, np.ndarray, int, int]:
        """The first arguments of a kernel."""
        narrow, wide = (np.uint8, np.int8) if self.x.shape[1] == 4 else (np.int16, np.int16)
        view = case.view(memory, memory.put(self.x, narrow))
        return view, case.depth, memory.put(self.weights, wide), case.blocks, case.count


@in_child
def test_dense_units(kernels: Micro) -> None:
    for case in cases():
        memory, units, stride = (
            Memory(PLACES[case.place]),
            UnitCase.of(case, kernels.unit_channels),
            case.width + 3,
        )
        end = memory.room(strided(units.sums, stride).size, np.int32)
        rows = SumRows(memory.put(units.begin, np.int32), 0, end, stride)
        kernels.dense_units(*units.operands(case, memory), rows)
        memory.check()
        np.testing.assert_array_equal(end, strided(units.sums.astype(np.int32), stride))


@in_child
def test_dense_units_scaled(kernels: Micro) -> None:
    for case in cases():
        memory, units, stride = (
            Memory(PLACES[case.place]),
            UnitCase.of(case, kernels.unit_channels),
            case.width + 3,
        )
        scale, slot_scale = (
            case.rng().random(count, np.float32) + np.float32(0.01) for count in (case.width, case.count)
        )
        end = memory.room(strided(units.sums, stride).size)
        rows = ScaledRows(
            memory.put(units.begin, np.int32), memory.put(scale), memory.put(slot_scale), end, stride
        )
        kernels.dense_units_scaled(*units.operands(case, memory), rows, NOTHING_AHEAD)
        memory.check()
        want = units.sums.astype(np.float32) * (scale * slot_scale[:, None])
        np.testing.assert_array_equal(end, strided(want, stride))


@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("going_on", [False, True])
@in_child
def test_dense_units_values(kernels: Micro, with_residual: bool, going_on: bool) -> None:
    for i, case in enumerate(cases()):
        memory, stride, clamp = Memory(PLACES[case.place]), case.width + 3, clamp_of(i)
        units = UnitCase.of(case, kernels.unit_channels, case.count if going_on else 1)
        residual = whole(case.rng(), case.count, case.width)
        added = memory.put(strided(residual, stride)) if with_residual else None
        y = memory.room(strided(residual, stride).size)
        begin = memory.put(units.begin, np.int32)
        step = case.width if going_on else 0
        rows = UnitValueRows(
            begin,
            step,
            score_view(memory, case.width),
            FloatsOrBytes.of(added),
            FloatsOrBytes.of(y),
            stride,
            clamp,
            False,
        )
        kernels.dense_units_values(*units.operands(case, memory), rows, NOTHING_AHEAD)
        memory.check()
        values = scores(units.sums)
        want = clamped(values + residual if with_residual else values, clamp)
        np.testing.assert_array_equal(y, strided(want.astype(np.float32), stride))


@pytest.mark.parametrize("zero", [0.0, 7.0])
@in_child
def test_dense_units_values_of_bytes(kernels: Micro, zero: float) -> None:
    """Residuals and values are bytes; with zero point 0 and ReLU bytes alone clip."""
    code = Quantization.of(0.5, zero)
    for case in cases():
        memory, stride, clamp = Memory(PLACES[case.place]), case.width + 3, Clamp(0.0, np.inf, 0.0)
        units = UnitCase.of(case, kernels.unit_channels, 1)
        residual = case.rng().integers(0, 256, (case.count, case.width)).astype(np.uint8)
        spread = strided(residual, stride)
        added, y = memory.put(spread, np.uint8), memory.room(spread.size, np.uint8)
        rows = UnitValueRows(
            memory.put(units.begin, np.int32),
            0,
            score_view(memory, case.width),
            FloatsOrBytes.of(added, code),
            FloatsOrBytes.of(y, code),
            stride,
            clamp,
            zero == 0,
        )
        kernels.dense_units_values(*units.operands(case, memory), rows, NOTHING_AHEAD)
        memory.check()
        values = scores(units.sums) + (residual.astype(np.float32) - np.float32(zero)) * np.float32(0.5)
        levels = np.rint(np.maximum(values, 0).astype(np.float32) * np.float32(2)) + np.float32(zero)
        want = strided(np.clip(levels, 0, 255).astype(np.uint8), stride)
        written = strided(np.ones(residual.shape, np.uint8), stride) == 1
        np.testing.assert_array_equal(y[written], want[written])


@in_child
def test_dense_units_values_of_nothing_but_bytes(kernels: Micro) -> None:
    """No residual, a correction taken away before, ReLU by bytes alone; values that no byte holds too."""
    code = Quantization.of(0.5, 0.0)
    for case in cases():
        memory, stride, clamp = Memory(PLACES[case.place]), case.width + 3, Clamp(0.0, np.inf, 0.0)
        units = UnitCase.of(case, kernels.unit_channels, 1)
        correction, scale, bias = (values[: case.width] for values in score_arrays(case.width))
        with np.errstate(invalid="ignore"):
            bias = np.where(np.arange(case.width) % 7 == 3, np.float32(np.nan), bias).astype(np.float32)
            bias = np.where(np.arange(case.width) % 7 == 5, np.float32(1e30), bias).astype(np.float32)
        spread = strided(np.zeros((case.count, case.width), np.uint8), stride)
        y = memory.room(spread.size, np.uint8)
        begin = memory.put(units.begin - correction, np.int32)
        score = ScoreView(None, memory.put(scale), memory.put(bias))
        y_of = FloatsOrBytes.of(y, code)
        rows = UnitValueRows(begin, 0, score, FloatsOrBytes.of(None), y_of, stride, clamp, True)
        kernels.dense_units_values(*units.operands(case, memory), rows, NOTHING_AHEAD)
        memory.check()
        values = (units.sums - correction).astype(np.float32) * scale + bias
        levels = np.rint(np.nan_to_num(values, nan=-1.0) * np.float32(2))
        want = strided(np.clip(levels, 0, 255).astype(np.uint8), stride)
        written = strided(np.ones(units.sums.shape, np.uint8), stride) == 1
        np.testing.assert_array_equal(y[written], want[written])
