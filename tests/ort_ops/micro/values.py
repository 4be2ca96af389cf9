"""Operands of the tests: small whole numbers, whose products and sums are exact in any order."""

from __future__ import annotations

import numpy as np

from tests.ort_ops.micro.kernels import Clamp

LANES = 16

#: From nothing to two vectors of the widest set, all odd ends included.
COUNTS = range(2 * LANES + 3)

#: And beyond four vectors, where kernels take several at once.
WIDE_COUNTS = (*COUNTS, 4 * LANES - 1, 4 * LANES, 4 * LANES + 1, 8 * LANES + 5)

CLAMPS = [Clamp(*values) for values in ((0, np.inf, 0), (-np.inf, np.inf, 0), (-1, 2, 0), (0, 6, 1.5))]


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Whole numbers from -4 to 4 as float32, a fifth of them zero."""
    values = rng.integers(1, 5, shape) * rng.choice([-1, 1], shape)
    return np.asarray(values * (rng.random(shape) > 0.2), np.float32)


def up(count: int, multiple: int = LANES) -> int:
    """`count` rounded up."""
    return -(-count // multiple) * multiple


def strided(rows: np.ndarray, stride: int) -> np.ndarray:
    """Rows `stride` elements apart, all bits set in the gaps."""
    count, width = rows.shape
    if count == 0:
        return np.empty(0, rows.dtype)
    flat = np.full(count * stride * rows.itemsize, 0xFF, np.uint8).view(rows.dtype).reshape(count, stride)
    flat[:, :width] = rows
    return flat.reshape(-1)[: (count - 1) * stride + width]


def clamped(values: np.ndarray, clamp: Clamp) -> np.ndarray:
    """The activation; what is not a number stays."""
    values = np.where(values < clamp.low, np.float32(clamp.low), values)
    values = np.where(values > clamp.high, np.float32(clamp.high), values)
    return np.where((clamp.floor > 0) & (values <= clamp.floor), np.float32(0), values)


def clamp_of(index: int) -> Clamp:
    """One after the other."""
    return CLAMPS[index % len(CLAMPS)]
