"""winograd.cc: the transforms of its input and of its sums."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import FloatsOrBytes, Micro, SquareValues
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, LANES, clamp_of, clamped, up, whole
from tests.winograd import INPUT, output_matrix

#: Roundings of a value on its way: four additions and two constants in each direction, bias, residual.
TOLERANCE = 16 * 2.0**-24


def both_ways(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Over both sides of squares [row, column, channel]."""
    squares: np.ndarray = np.einsum("ia,jb,abc->ijc", matrix, matrix, values)
    return squares


@in_child
def test_winograd_input(kernels: Micro) -> None:
    for channels, place in product(COUNTS, PLACES):
        rng, memory = np.random.default_rng(channels), Memory(place)
        pixels, stride = whole(rng, 36, channels), up(channels) + 5
        out = memory.room(35 * stride + up(channels))
        kernels.winograd_input(memory.pointers(map(memory.put, pixels)), channels, out, stride)
        memory.check()
        square = pixels.reshape(6, 6, channels).astype(float)
        room = both_ways(np.abs(INPUT), np.abs(square)) * TOLERANCE
        got = np.lib.stride_tricks.as_strided(out, (6, 6, channels), (24 * stride, 4 * stride, 4))
        assert (np.abs(got - both_ways(INPUT, square)) <= room).all()


def check_output(kernels: Micro, memory: Memory, blocks: int, side: int, cut: int, spoilt: bool) -> None:
    width, rows, columns = LANES * blocks, side - cut, side
    rng, clamp = np.random.default_rng(side + blocks), clamp_of(side)
    stride, pixel, row = width + 3, width + 1, side * (width + 1) + 2
    sums, bias = whole(rng, 36, width), whole(rng, width)
    residual = whole(rng, rows, columns, width)
    size = (rows - 1) * row + (columns - 1) * pixel + width
    if spoilt:
        sums[35, width - 1] = np.inf  # reaches the last value alone
    flat = np.full(36 * stride, np.nan, np.float32)
    np.lib.stride_tricks.as_strided(flat, sums.shape, (4 * stride, 4))[:] = sums
    strides = (4 * row, 4 * pixel, 4)
    added, y = memory.room(size), memory.room(size)
    np.lib.stride_tricks.as_strided(added, residual.shape, strides)[:] = residual
    to = SquareValues(
        memory.put(bias), FloatsOrBytes.of(added), FloatsOrBytes.of(y), row, pixel, rows, columns, clamp
    )
    finite = kernels.winograd_output(memory.put(flat[: 35 * stride + width]), stride, blocks, side, to)
    memory.check()
    assert finite is not spoilt
    if spoilt:
        return
    matrix, square = output_matrix(side), sums.reshape(6, 6, width).astype(float)
    want = (both_ways(matrix, square) + bias)[:rows, :columns] + residual
    size_of_terms = both_ways(np.abs(matrix), np.abs(square)) + np.abs(bias)
    room = (size_of_terms[:rows, :columns] + np.abs(residual)) * TOLERANCE
    got = np.lib.stride_tricks.as_strided(y, residual.shape, strides)
    away = (np.abs(want - clamp.floor) > room) | (clamp.floor == 0)  # either side of the floor is right
    assert (np.abs(got - clamped(want, clamp)) <= room)[away].all()
    touched = np.zeros(size, bool)
    np.lib.stride_tricks.as_strided(touched, residual.shape, (row, pixel, 1))[:] = True
    assert np.isnan(y[~touched]).all()


@pytest.mark.parametrize("side", range(2, 6))
@in_child
def test_winograd_output(kernels: Micro, side: int) -> None:
    for blocks, cut, spoilt, place in product((1, 2, 3), (0, 1), (False, True), PLACES):
        check_output(kernels, Memory(place), blocks, side, cut, spoilt)
