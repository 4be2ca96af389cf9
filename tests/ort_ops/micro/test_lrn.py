"""lrn.cc: local response normalisation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import Lrn, Micro, Quantization
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, up


def sums_of_squares(x: np.ndarray, before: int, after: int) -> np.ndarray:
    """Over channels c - before to c + after."""
    channels = x.shape[1]
    padded = np.pad(x.astype(float) ** 2, ((0, 0), (before, after)))
    return sum((padded[:, i : i + channels] for i in range(before + after + 1)), np.zeros(x.shape))


def room(channels: int, others: int) -> int:
    """Floats for the squares of as many pixels as are taken at once (lrn_rows.h)."""
    return 16 * (up(channels) + others)


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0, 0.6])
@in_child
def test_lrn_pixels(kernels: Micro, beta: float) -> None:
    for channels, pixels, place, reach in product(COUNTS[1:], (0, 1, 17), PLACES, ((0, 0), (2, 2), (1, 5))):
        before, after = (min(side, channels - 1) for side in reach)
        memory, rng = Memory(place), np.random.default_rng(channels)
        x = rng.standard_normal((pixels, channels)).astype(np.float32)
        squares, y = memory.room(room(channels, before + after)), memory.room(x.size)
        kernels.lrn_pixels(Lrn(channels, before, after, 0.5, beta, 1.5), memory.put(x), pixels, squares, y)
        memory.check()
        want = x / (1.5 + 0.5 * sums_of_squares(x, before, after)) ** np.float32(beta)
        # A square, its sum, the multiply-add and at most 5 steps of the division, each rounded once.
        tolerance = (before + after + 1 + 7) * 2.0**-24
        np.testing.assert_allclose(y.reshape(x.shape), want, rtol=tolerance, atol=0)


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0, 0.6])
@in_child
def test_lrn_bytes(kernels: Micro, beta: float) -> None:
    for channels, pixels, place, reach in product(COUNTS[1:], (0, 1, 17), PLACES, ((0, 0), (2, 2), (1, 5))):
        before, after = (min(side, channels - 1) for side in reach)
        memory, rng = Memory(place), np.random.default_rng(channels)
        x = rng.integers(0, 256, (pixels, channels)).astype(np.uint8)
        squares, y = memory.room(room(channels, before + after)), memory.room(x.size, np.uint8)
        lrn, code = Lrn(channels, before, after, 1e-3, beta, 1.5), Quantization(0, 0.75, 100.0)
        kernels.lrn_bytes(lrn, memory.put(x.reshape(-1), np.uint8), 90.0, pixels, squares, code, y)
        memory.check()
        steps = x.astype(float) - 90
        power = (1.5 + 1e-3 * sums_of_squares(steps, before, after)) ** -beta
        want = np.clip(steps * power * 0.75 + 100, 0, 255)
        # The power is within 4.5e-5, and there are 12 roundings before that to a level.
        assert abs(y.reshape(x.shape) - want).max(initial=0) <= 0.5 + 255 * (4.5e-5 + 12 * 2.0**-24)
