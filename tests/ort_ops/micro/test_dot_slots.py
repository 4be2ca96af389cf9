"""dot_slots.cc: one weight row times the patches of a list of slots."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import DotBlocks, Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import LANES, whole

BLOCK_BYTES = LANES * 4


def offsets(layout: int, blocks: int, rng: np.random.Generator) -> np.ndarray:
    """Bytes from the beginning of a patch to its blocks."""
    if layout == DotBlocks.ANYWHERE:
        return rng.permutation(2 * blocks)[:blocks] * BLOCK_BYTES
    if layout == DotBlocks.CONSECUTIVE:
        return np.arange(blocks) * BLOCK_BYTES
    across = blocks // 3
    pitch = 16 * (blocks // 9) * BLOCK_BYTES  # kTilePitch places
    return np.concatenate([row * pitch + np.arange(across) * BLOCK_BYTES for row in range(3)])


def check(kernels: Micro, memory: Memory, layout: int, blocks: int, count: int) -> None:
    rng = np.random.default_rng(100 * blocks + count)
    places = max(count, 1)
    slot_offset = np.arange(places) * 20
    slots = rng.permutation(places)[:count]
    at = offsets(layout, blocks, rng)
    packed = whole(rng, (slot_offset.max() + at.max() + BLOCK_BYTES) // 4)
    weights, before = whole(rng, blocks, LANES), whole(rng, count)
    elements = (slot_offset[slots][:, None, None] + at[:, None]) // 4 + np.arange(LANES)
    want = before + (packed[elements] * weights).sum((1, 2))

    sums = memory.put(before, beyond=7)
    view = DotBlocks(memory.put(at, np.int64), blocks, layout)
    kernels.dot_slots(
        memory.put(weights),
        view,
        memory.put(packed),
        memory.put(slot_offset, np.int64),
        memory.put(slots, np.uint16),
        count,
        sums,
    )
    memory.check()
    np.testing.assert_array_equal(sums, want)


@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        (DotBlocks.ANYWHERE, range(1, 19)),
        (DotBlocks.CONSECUTIVE, range(1, 19)),
        (DotBlocks.THREE_ROWS, (9, 18)),
    ],
)
@in_child
def test_dot_slots(kernels: Micro, layout: int, sizes: tuple[int, ...]) -> None:
    for blocks, count, place in product(sizes, range(26), PLACES[:3]):
        check(kernels, Memory(place), layout, blocks, count)
