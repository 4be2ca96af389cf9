"""pool.cc: maxima over places, means over pixels."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro, Quantization
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import WIDE_COUNTS, whole


@in_child
def test_max_places(kernels: Micro) -> None:
    for channels, count, place in product(WIDE_COUNTS, (0, 1, 2, 9), PLACES):
        memory = Memory(place)
        x = whole(np.random.default_rng(channels), count, channels)
        x[::2, ::3] = np.nan
        y = memory.room(channels)
        kernels.max_places(memory.pointers(map(memory.put, x)), count, channels, y)
        memory.check()
        np.testing.assert_array_equal(y, np.where(np.isnan(x), -np.inf, x).max(0, initial=-np.inf))


@in_child
def test_max_bytes(kernels: Micro) -> None:
    for channels, count, place in product((*WIDE_COUNTS, 64, 130), (0, 1, 2, 9), PLACES):
        memory = Memory(place)
        x = np.random.default_rng(channels).integers(0, 256, (count, channels)).astype(np.uint8)
        y = memory.room(channels, np.uint8)
        places = memory.pointers(memory.put(row, np.uint8) for row in x)
        kernels.max_bytes(places, count, channels, y)
        memory.check()
        np.testing.assert_array_equal(y, x.max(0, initial=0))


@in_child
def test_mean_pixels(kernels: Micro) -> None:
    for channels, height, width, place in product(WIDE_COUNTS, (0, 3), (1, 4), PLACES):
        memory = Memory(place)
        x = whole(np.random.default_rng(channels), height, width, channels)
        y = memory.room(channels)
        kernels.mean_pixels(memory.put(x), height, width, channels, y)
        memory.check()
        with np.errstate(invalid="ignore"):  # the mean of nothing is not a number
            np.testing.assert_array_equal(y, x.sum((0, 1)) / np.float32(height * width))


@in_child
def test_mean_bytes(kernels: Micro) -> None:
    for channels, pixels, place in product(WIDE_COUNTS, (1, 12), PLACES):
        memory = Memory(place)
        x = np.random.default_rng(channels).integers(0, 256, (pixels, channels)).astype(np.uint8)
        y = memory.room(channels)
        given = memory.put(x.reshape(-1), np.uint8)
        kernels.mean_bytes(given, pixels, channels, Quantization(0.3, 0, 100.0), y)
        memory.check()
        steps = (x.astype(np.int64) - 100).sum(0).astype(np.float32)
        np.testing.assert_array_equal(y, steps * (np.float32(0.3) / np.float32(pixels)))
