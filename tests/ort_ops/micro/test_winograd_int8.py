"""winograd_int8.cc: the transforms whose results are the same bits everywhere.

Operands are small whole numbers, so that float64 holds each product and sum of the transforms exactly.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import FloatsOrBytes, Micro, Quantization, SquareValues
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, LANES, clamp_of, clamped, up, whole
from tests.winograd import AA, BB, A, B

LEAST, LEVELS = np.float32(1e-30), np.float32(127)


def once(factor: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """factor * x + y, rounded once."""
    return np.asarray(factor * x.astype(np.float64) + y, np.float32)


def to_points(x: np.ndarray) -> np.ndarray:
    """Six values, first direction, to the six points."""
    first, last = (once(AA * BB, x[i], once(-(AA + BB), x[i + 2], x[i + 4])) for i in (0, 1))
    others = [
        once(point, once(-square, x[1], x[3]), once(-square, x[2], x[4]))
        for point, square in ((A, BB), (-A, BB), (B, AA), (-B, AA))
    ]
    return np.stack([first, *others, last])


def from_points(p: np.ndarray, side: int) -> np.ndarray:
    """Six points, first direction, to `side` values."""
    sums, differences = (p[1] + p[2], p[3] + p[4]), (p[1] - p[2], p[3] - p[4])
    values = [p[0] + (sums[0] + sums[1])]
    for power in range(1, side):
        a, b = differences if power % 2 else sums
        values.append(once(A**power, a, np.float32(B**power) * b))
    values[-1] = values[-1] + p[5]
    return np.stack(values)


def check_input(kernels: Micro, memory: Memory, channels: int, zero: bool) -> None:
    kind = np.uint8 if kernels.unit_channels == 4 else np.uint16
    pixels = whole(np.random.default_rng(channels), 36, channels) * np.float32(not zero)
    padded, step = up(channels), 3
    stride = padded + 5
    out, scales = memory.room(35 * stride + padded, kind), memory.room(35 * step + 1)
    addresses, room = memory.pointers(map(memory.put, pixels)), memory.room(36 * padded)
    size = out.itemsize
    assert kernels.winograd_input_units(addresses, channels, room, out, stride * size, scales, step)
    memory.check()
    columns = to_points(pixels.reshape(6, 6, channels))
    places = to_points(columns.swapaxes(0, 1)).swapaxes(0, 1).reshape(36, channels)
    most = np.maximum(np.abs(places).max(1, initial=0), LEAST)
    np.testing.assert_array_equal(scales[::step], most / LEVELS)
    levels = np.full((36, padded), 128)
    levels[:, :channels] += np.rint(places * (LEVELS / most)[:, None].astype(np.float64)).astype(int)
    got = np.lib.stride_tricks.as_strided(out, (36, padded), (stride * size, size))
    np.testing.assert_array_equal(got, levels)


@pytest.mark.parametrize("zero", [False, True])
@in_child
def test_winograd_input_units(kernels: Micro, zero: bool) -> None:
    for channels, place in product(COUNTS, PLACES):
        check_input(kernels, Memory(place), channels, zero)


@pytest.mark.parametrize("zero", [0.0, 9.0])
@in_child
def test_winograd_input_bytes(kernels: Micro, zero: float) -> None:
    """The places of bytes less their zero point, scales times that of the bytes."""
    kind = np.uint8 if kernels.unit_channels == 4 else np.uint16
    for channels, place in product((*COUNTS, 64, 70), PLACES):
        memory, unit = Memory(place), np.float32(0.3)
        x = np.random.default_rng(channels).integers(0, 256, (36, channels)).astype(np.uint8)
        padded = up(channels)
        out, scales = memory.room(36 * padded, kind), memory.room(36)
        addresses = memory.pointers(memory.put(row, np.uint8) for row in x)
        code = Quantization.of(float(unit), zero)
        room, stride = memory.room(36 * padded), padded * out.itemsize
        kernels.winograd_input_bytes(addresses, code, channels, room, out, stride, scales, 1)
        memory.check()
        pixels = x.astype(np.float32) - np.float32(zero)
        columns = to_points(pixels.reshape(6, 6, channels))
        places = to_points(columns.swapaxes(0, 1)).swapaxes(0, 1).reshape(36, channels)
        most = np.maximum(np.abs(places).max(1, initial=0), LEAST)
        np.testing.assert_array_equal(scales, most / LEVELS * unit)
        levels = np.rint(places * (LEVELS / most)[:, None].astype(np.float64)).astype(int) + 128
        np.testing.assert_array_equal(out.reshape(36, padded)[:, :channels], levels)


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf, np.finfo(np.float32).max])
@in_child
def test_inputs_without_finite_places(kernels: Micro, bad: float) -> None:
    """The transform of the largest number is not finite, but for the last pixel."""
    for channels, pixel in product((1, 8, 16, 19), (0, 14, 35)):
        memory = Memory(PLACES[0])
        pixels = np.zeros((36, channels), np.float32)
        pixels[pixel, channels - 1] = bad
        addresses, room = memory.pointers(map(memory.put, pixels)), memory.room(36 * up(channels))
        size = 36 * up(channels) * (4 // kernels.unit_channels)
        out, scales = memory.room(size, np.uint8), memory.room(36)
        finite = kernels.winograd_input_units(addresses, channels, room, out, size // 36, scales, 1)
        memory.check()
        assert finite is (pixel == 35 and bool(np.isfinite(bad)))  # a place holds that pixel as it is


def check_output(kernels: Micro, memory: Memory, blocks: int, side: int, cut: int, spoilt: bool) -> None:
    width, rows, columns = LANES * blocks, side - cut, side
    rng, clamp = np.random.default_rng(side + blocks), clamp_of(side)
    stride, pixel, row = width + 3, width + 1, side * (width + 1) + 2
    sums, bias = whole(rng, 36, width), whole(rng, width)
    residual = whole(rng, rows, columns, width)
    if spoilt:
        sums[35, width - 1] = np.inf  # reaches the last value alone
    flat = np.full(35 * stride + width, np.nan, np.float32)
    np.lib.stride_tricks.as_strided(flat, sums.shape, (4 * stride, 4))[:] = sums
    size, strides = (rows - 1) * row + (columns - 1) * pixel + width, (4 * row, 4 * pixel, 4)
    added, y = memory.room(size), memory.room(size)
    np.lib.stride_tricks.as_strided(added, residual.shape, strides)[:] = residual
    to = SquareValues(
        memory.put(bias), FloatsOrBytes.of(added), FloatsOrBytes.of(y), row, pixel, rows, columns, clamp
    )
    finite = kernels.winograd_output_once(memory.put(flat), stride, blocks, side, to)
    memory.check()
    assert finite is not spoilt
    half = from_points(sums.reshape(6, 6, width).swapaxes(0, 1), side)  # along the rows first
    values = from_points(half.swapaxes(0, 1), side) + bias
    want = np.full(size, np.nan, np.float32)
    placed = np.lib.stride_tricks.as_strided(want, residual.shape, strides)
    placed[:] = clamped(values[:rows, :columns] + residual, clamp)
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("side", range(2, 6))
@in_child
def test_winograd_output_once(kernels: Micro, side: int) -> None:
    for blocks, cut, spoilt, place in product((1, 2, 3), (0, 1), (False, True), PLACES):
        check_output(kernels, Memory(place), blocks, side, cut, spoilt)
