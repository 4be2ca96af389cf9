"""winograd_weights.cc: the bits of the reference, on every instruction set."""

from __future__ import annotations

from itertools import product

import numpy as np

from spl_onnx.spec.reference_winograd import _quantised_weights, _weight_points
from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child

CHANNELS = (8, 9, 15, 16, 17, 64)


def places_of(g: np.ndarray) -> np.ndarray:
    """Transformed weights [36, channels] of [size, size, channels]."""
    down = np.stack(_weight_points(g.astype(np.float64)))
    return np.stack(_weight_points(np.moveaxis(down, 1, 0)), axis=1).reshape(36, -1)


def some_weights(size: int, channels: int) -> np.ndarray:
    return np.random.default_rng(channels).standard_normal((size, size, channels)).astype(np.float32)


@in_child
def test_winograd_weights(kernels: Micro) -> None:
    for size, channels, place in product((2, 3, 4, 5), CHANNELS, PLACES):
        memory, g = Memory(place), some_weights(size, channels)
        u, most = memory.room(36 * channels, np.float64), memory.room(36, np.float64)
        kernels.winograd_weights(memory.put(g), size, channels, u, most)
        memory.check()
        want = places_of(g)
        np.testing.assert_array_equal(u.reshape(36, channels), want)
        np.testing.assert_array_equal(most, np.abs(want).max(axis=1))


@in_child
def test_winograd_levels(kernels: Micro) -> None:
    for channels, place in product((1, 7, *CHANNELS), PLACES):
        memory, g = Memory(place), some_weights(3, channels)
        want, _ = _quantised_weights(g[None])
        for u, levels in zip(places_of(g)[:6], want.reshape(36, channels)[:6], strict=True):
            held, out = memory.put(u, np.float64), memory.room(channels, np.int8)
            total = kernels.winograd_levels(held, channels, float(np.abs(u).max()), out)
            memory.check()
            np.testing.assert_array_equal(out, levels)
            assert total == levels.sum()
