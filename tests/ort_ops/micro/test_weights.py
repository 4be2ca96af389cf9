"""weights.cc: int8 weights made of float32 ones, and their order."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, up


@in_child
def test_quantize_weights(kernels: Micro) -> None:
    """Ties to even, and what is beyond 127 in either direction."""
    for n, place, scale in product((*COUNTS, 64, 83), PLACES, (1.0, 0.3)):
        rng, memory = np.random.default_rng(n), Memory(place)
        w = (rng.integers(-300, 301, n) * np.float32(0.5)).astype(np.float32)
        out = memory.room(n, np.int8)
        kernels.quantize_weights(memory.put(w), n, scale, out)
        memory.check()
        np.testing.assert_array_equal(out, np.clip(np.rint(w / np.float32(scale)), -127, 127))


@in_child
def test_sum_levels(kernels: Micro) -> None:
    for n, place in product((*COUNTS, 64, 83, 1000), PLACES):
        memory = Memory(place)
        w = np.random.default_rng(n).integers(-128, 128, n)
        assert kernels.sum_levels(memory.put(w, np.int8), n) == w.sum()
        memory.check()


@in_child
def test_pack_units(kernels: Micro) -> None:
    """Units of several cache lines of weights, and a last one that is filled with zeros."""
    channels = kernels.unit_channels
    kind = np.int8 if channels == 4 else np.int16
    for n, place, outputs in product((*COUNTS, 64, 83, 131), PLACES, (1, 3, 17)):
        memory, count, stride = Memory(place), up(n, channels) // channels, outputs * 4 + 8
        w = np.random.default_rng(n).integers(-128, 128, (outputs, n + 3))
        held = memory.put(w.reshape(-1)[: w.size - 3], np.int8)
        out = memory.room((count - 1) * stride + outputs * 4 if count else 0, np.int8)
        kernels.pack_units(held, n + 3, outputs, n, out, stride)
        memory.check()
        want = np.zeros((outputs, count * channels), kind)
        want[:, :n] = w[:, :n]
        rows = np.full((count, stride), -1, np.int8)
        units = want.view(np.int8).reshape(outputs, count, 4)
        rows[:, : outputs * 4] = units.transpose(1, 0, 2).reshape(count, outputs * 4)
        np.testing.assert_array_equal(out, rows.reshape(-1)[: out.size])
