"""select.cc: the selection tensor to lists of slots."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, LANES, whole


def random_bits(count: int, seed: int) -> tuple[np.ndarray, int]:
    """The positions of set bits among `count`, and all of them as a number."""
    positions = np.flatnonzero(np.random.default_rng(seed).random(count) < (0.1, 0.5, 0.9)[seed % 3])
    return positions, sum(1 << int(i) for i in positions)


@in_child
def test_equal_bits(kernels: Micro) -> None:
    for n, place, value in product((*COUNTS, 63, 64), PLACES, (0, 1, 255)):
        memory = Memory(place)
        codes = np.random.default_rng(n).choice([0, 1, 255], n)
        got = kernels.equal_bits(memory.put(codes, np.uint8), n, value)
        memory.check()
        assert got == sum(1 << int(i) for i in np.flatnonzero(codes == value))


@in_child
def test_max_byte(kernels: Micro) -> None:
    for n, place, top in product((*COUNTS, 63, 64, 131), PLACES, (1, 200, 255)):
        memory = Memory(place)
        codes = np.random.default_rng(n).integers(0, top, n)
        assert kernels.max_byte(memory.put(codes, np.uint8), n) == codes.max(initial=0)


@in_child
def test_spread(kernels: Micro) -> None:
    for blocks, place, seed in product(range(5), PLACES, range(20)):
        memory, width = Memory(place), LANES * blocks
        positions, bits = random_bits(width, seed)
        sums, bias = whole(np.random.default_rng(seed), 2, width)
        out = memory.room(width)
        compact = memory.put(sums[: len(positions)], beyond=LANES)
        kernels.spread(bits, compact, memory.put(bias), blocks, out)
        memory.check()
        want = bias.copy()
        want[positions] += sums[: len(positions)]
        np.testing.assert_array_equal(out, want)


@in_child
def test_append_slots(kernels: Micro) -> None:
    for count, place, first in product((*COUNTS, 63, 64), PLACES, (0, 1000)):
        memory = Memory(place)
        positions, bits = random_bits(count, count)
        out = memory.room(len(positions), np.uint16, beyond=LANES)
        assert kernels.append_slots(bits, first, out) == len(positions)
        memory.check()
        np.testing.assert_array_equal(out, positions + first)
