"""zero_skip.cc: zero inputs skipped along a row of an image, and the packing of the others."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import Micro, Prefetch, SparseRow, SumRows, TapWalk, ValueRows
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, LANES, clamp_of, clamped, strided, up, whole

#: Elements of a chunk; 64 is the most.
DEPTHS = (1, 7, 64)


def masks_of(x: np.ndarray) -> np.ndarray:
    """Bit c of column i is set where x[i, c] is not zero."""
    bits: np.ndarray = (x != 0) @ (np.uint64(1) << np.arange(x.shape[1], dtype=np.uint64))
    return bits


def starts_of(x: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], (x != 0).sum(1).cumsum()[:-1]]) if len(x) else np.zeros(0)


def packed(memory: Memory, x: np.ndarray, whole_elements: np.ndarray | None = None) -> SparseRow:
    """The row of x [columns, elements], or of what those elements stand for."""
    values = (x if whole_elements is None else whole_elements)[x != 0]
    return SparseRow(
        memory.put(values, values.dtype),
        memory.put(masks_of(x), np.uint64),
        memory.put(starts_of(x), np.int32),
    )


def units(
    kernels: Micro, rng: np.random.Generator, columns: int, depth: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantised channels [columns, units, channels], the same as units, and which are not zero."""
    channels = kernels.unit_channels
    x = rng.integers(0, 256, (columns, depth, channels)) * (rng.random((columns, depth, 1)) > 0.4)
    words = x.astype(np.uint8 if channels == 4 else np.int16).reshape(columns, -1).view(np.uint32)
    return x, words, (words != 0).astype(np.float32)


def slid(terms: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """sums [2 + columns, width] after three taps' products [columns, 3, width] but for the first two rows."""
    want = sums.copy()
    for p in range(len(terms) - 2):
        want[p + 2] += terms[p, 0] + terms[p + 1, 1] + terms[p + 2, 2]
    return want[2:]


@in_child
def test_slide_row(kernels: Micro) -> None:
    sizes = product(range(1, kernels.slide_blocks + 1), range(1, 9), DEPTHS, PLACES)
    for blocks, columns, depth, place in sizes:
        rng, memory, width = np.random.default_rng(10 * depth + columns), Memory(place), LANES * blocks
        x, weights = whole(rng, columns, depth), whole(rng, depth, 3, width)
        before = whole(rng, columns + 2, width)
        sums, w = memory.put(before), memory.put(weights)
        kernels.slide_row(packed(memory, x), columns, w, blocks, sums[2 * width :], Prefetch(w, 20))
        memory.check()
        want = slid(np.einsum("ic,cto->ito", x, weights), before)
        np.testing.assert_array_equal(sums[2 * width :].reshape(columns, width), want)


@in_child
def test_slide_units(kernels: Micro) -> None:
    sizes = product(range(1, kernels.slide_blocks + 1), range(1, 9), (1, 20), PLACES)
    for blocks, columns, depth, place in sizes:
        rng, memory, width = np.random.default_rng(10 * depth + columns), Memory(place), LANES * blocks
        x, words, there = units(kernels, rng, columns, depth)
        weights = rng.integers(-128, 128, (depth, 3, width, kernels.unit_channels))
        before = rng.integers(-1000, 1000, (columns + 2, width))
        sums = memory.put(before, np.int32)
        w = memory.put(weights, np.int8 if kernels.unit_channels == 4 else np.int16)
        row = packed(memory, there, words)
        kernels.slide_units(row, columns, w, blocks, sums[2 * width :], Prefetch(w, 20))
        memory.check()
        want = slid(np.einsum("icu,ctou->ito", x, weights), before)
        np.testing.assert_array_equal(sums[2 * width :].reshape(columns, width), want)


def walks() -> list[TapWalk]:
    """First column, step and outputs."""
    return [TapWalk(*walk) for walk in ((0, 1, 1), (0, 1, 6), (3, 2, 3), (1, 3, 2))]


def columns_of(walk: TapWalk) -> np.ndarray:
    return np.arange(walk.first, walk.first + walk.step * walk.count, walk.step)


@pytest.mark.parametrize("values", [False, True])
@in_child
def test_tap_row_and_values(kernels: Micro, values: bool) -> None:
    sizes = product(range(1, kernels.tap_blocks + 1), walks(), DEPTHS, PLACES)
    for i, (blocks, walk, depth, place) in enumerate(sizes):
        rng, memory, width = np.random.default_rng(10 * depth + walk.count), Memory(place), LANES * blocks
        seen, clamp = columns_of(walk), clamp_of(i)
        x, weights, begin = whole(rng, seen[-1] + 1, depth), whole(rng, depth, width), whole(rng, width)
        residual, stride = whole(rng, walk.count, width), width + 3
        end = memory.room(strided(residual, stride).size)
        row, w, start = packed(memory, x), memory.put(weights), memory.put(begin)
        want = begin + x[seen] @ weights
        if values:
            rows = ValueRows(start, 0, memory.put(strided(residual, stride)), end, stride, clamp)
            kernels.tap_values(row, walk, w, blocks, rows, Prefetch(w, 20))
            want = clamped(want + residual, clamp)
        else:
            kernels.tap_row(row, walk, w, blocks, SumRows(start, 0, end, stride), Prefetch(w, 20))
        memory.check()
        np.testing.assert_array_equal(end, strided(want, stride))


@in_child
def test_tap_units(kernels: Micro) -> None:
    for blocks, walk, place in product(range(1, kernels.tap_blocks + 1), walks(), PLACES):
        rng, memory, width = np.random.default_rng(walk.count), Memory(place), LANES * blocks
        seen, depth, stride = columns_of(walk), 20, width + 3
        x, words, there = units(kernels, rng, seen[-1] + 1, depth)
        weights = rng.integers(-128, 128, (depth, width, kernels.unit_channels))
        before = rng.integers(-1000, 1000, (walk.count, width)).astype(np.int32)
        sums = memory.put(strided(before, stride), np.int32)
        w = memory.put(weights, np.int8 if kernels.unit_channels == 4 else np.int16)
        rows = SumRows(sums, stride, sums, stride)
        kernels.tap_units(packed(memory, there, words), walk, w, blocks, rows, Prefetch(w, 20))
        memory.check()
        want = before + np.einsum("icu,cou->io", x[seen], weights)
        np.testing.assert_array_equal(sums, strided(want.astype(np.int32), stride))


@in_child
def test_compress_run(kernels: Micro) -> None:
    for channels, count, place in product((*COUNTS, 63, 64), range(4), PLACES):
        rng, memory = np.random.default_rng(channels), Memory(place)
        x = whole(rng, count, channels)
        x[x == 4] = np.nan
        x[x == 3] = -0.0
        stride, want = channels + 3, x[x != 0]
        values = memory.room(want.size, beyond=LANES)
        masks, starts = memory.room(count, np.uint64), memory.room(count, np.int32)
        at = memory.put(strided(x, stride))
        used = kernels.compress_run(at, stride, count, channels, values, masks, starts)
        memory.check()
        assert used == want.size
        np.testing.assert_array_equal(values, want)
        np.testing.assert_array_equal(masks, masks_of(x))
        np.testing.assert_array_equal(starts, starts_of(x))


def as_units(values: np.ndarray, unit_channels: int) -> np.ndarray:
    """Quantised [columns, channels] as [columns, units]; channels that fill up the last unit are 0."""
    count, channels = values.shape
    filled = np.zeros((count, up(channels, unit_channels)), np.uint8 if unit_channels == 4 else np.uint16)
    filled[:, :channels] = values
    return filled.reshape(-1).view(np.uint32).reshape(count, filled.shape[1] // unit_channels)


@in_child
def test_compress_units_run(kernels: Micro) -> None:
    most = 64 * kernels.unit_channels
    for channels, count, place in product((*COUNTS, most - 1, most), range(4), PLACES):
        rng, memory = np.random.default_rng(channels), Memory(place)
        x, stride = whole(rng, count, channels), channels + 3
        words = as_units(np.clip(x * 8, 0, 255), kernels.unit_channels)
        want = words[words != 0]
        out = memory.room(want.size, np.uint32, beyond=LANES)
        masks, starts = memory.room(count, np.uint64), memory.room(count, np.int32)
        at = memory.put(strided(x, stride))
        used = kernels.compress_units_run(at, stride, count, channels, 8.0, out, masks, starts)
        memory.check()
        assert used == want.size
        np.testing.assert_array_equal(out, want)
        np.testing.assert_array_equal(masks, masks_of(words))
        np.testing.assert_array_equal(starts, starts_of(words))
