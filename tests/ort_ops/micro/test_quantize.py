"""quantize.cc: ranges of the input, and its quantisation."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro, Quantization
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, up, whole


@in_child
def test_min_max(kernels: Micro) -> None:
    for n, place, spoilt in product(COUNTS, PLACES, (False, True)):
        rng, memory = np.random.default_rng(n), Memory(place)
        x = rng.standard_normal(n).astype(np.float32)
        x[::3] = np.nan if spoilt else x[::3]
        low, high = memory.put([0.25]), memory.put([0.5])
        kernels.min_max(memory.put(x), n, low, high)
        memory.check()
        known = [0.25, 0.5, *x[~np.isnan(x)]]
        assert low == np.float32(min(known[:1] + known[2:])) and high == max(known[1:])


def quantised(x: np.ndarray, inverse: float, zero: float) -> np.ndarray:
    """Each step one float32 operation; what is not a number becomes 0."""
    q = np.rint(x * np.float32(inverse)) + np.float32(zero)
    return np.nan_to_num(np.clip(q, np.float32(0), np.float32(255)), nan=0)


@in_child
def test_quantize(kernels: Micro) -> None:
    channels = kernels.unit_channels
    kind = np.uint8 if channels == 4 else np.uint16
    for n, place, zero in product(COUNTS, PLACES, (0.0, 100.0)):
        rng, memory = np.random.default_rng(n), Memory(place)
        x = (whole(rng, n) * 40.5).astype(np.float32)
        x[::5] = np.nan
        x[1::7] = np.inf
        out = memory.room(up(n, channels), kind)
        kernels.quantize(memory.put(x), n, 0.75, zero, out)
        memory.check()
        np.testing.assert_array_equal(out[:n], quantised(x, 0.75, zero))
        assert (out[n:] == 0).all()


#: Four vectors at a time, one, and the rest.
BYTE_COUNTS = (*COUNTS, 64, 83, 130)


@in_child
def test_quantize_bytes(kernels: Micro) -> None:
    for n, place, zero in product(BYTE_COUNTS, PLACES, (0.0, 100.0)):
        rng, memory = np.random.default_rng(n), Memory(place)
        x = (whole(rng, n) * 40.5).astype(np.float32)
        x[::5] = np.nan
        x[1::7] = np.inf
        x[2::11] = -np.inf
        x[3::13] = np.float32(3e38)
        out = memory.room(n, np.uint8)
        kernels.quantize_bytes(memory.put(x), n, Quantization(0, 0.75, zero), out)
        memory.check()
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(out, quantised(x, 0.75, zero))


@in_child
def test_dequantize(kernels: Micro) -> None:
    for n, place, zero in product(BYTE_COUNTS, PLACES, (0.0, 100.0)):
        memory = Memory(place)
        x = np.random.default_rng(n).integers(0, 256, n).astype(np.uint8)
        out = memory.room(n)
        kernels.dequantize(memory.put(x, np.uint8), n, Quantization(0.3, 0, zero), out)
        memory.check()
        np.testing.assert_array_equal(out, (x.astype(np.float32) - np.float32(zero)) * np.float32(0.3))


@in_child
def test_widen(kernels: Micro) -> None:
    channels = kernels.unit_channels
    kind = np.uint8 if channels == 4 else np.uint16
    for n, place in product(BYTE_COUNTS, PLACES):
        memory = Memory(place)
        x = np.random.default_rng(n).integers(0, 256, n).astype(np.uint8)
        out = memory.room(up(n, channels), kind)
        kernels.widen(memory.put(x, np.uint8), n, out)
        memory.check()
        np.testing.assert_array_equal(out[:n], x)
        assert (out[n:] == 0).all()
