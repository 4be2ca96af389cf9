"""epilogue.cc: sums to values."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.scores import score_view, scores
from tests.ort_ops.micro.values import COUNTS, LANES, WIDE_COUNTS, clamp_of, clamped, strided
from tests.ort_ops.micro.windows import Outputs, Window


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_finish_run(kernels: Micro, with_residual: bool) -> None:
    for i, (lanes, count, place) in enumerate(product(COUNTS, range(4), PLACES)):
        memory, outputs, clamp = Memory(place), Outputs.random(count, lanes, with_residual), clamp_of(i)
        outputs.sums[:, ::7] = np.nan  # survives
        want = strided(clamped(outputs.added(outputs.sums), clamp), outputs.stride)
        y = memory.room(want.size)
        kernels.epilogue_run(outputs.run(memory), clamp, y)
        memory.check()
        np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_finish_code_run(kernels: Micro, with_residual: bool) -> None:
    for i, (lanes, count, place) in enumerate(product(COUNTS, range(4), PLACES)):
        memory, outputs, clamp = Memory(place), Outputs.random(count, lanes, with_residual), clamp_of(i)
        code = np.random.default_rng(i).integers(0, 2, (count, lanes)).astype(np.uint8)
        values = np.where(code == 1, clamped(outputs.added(outputs.sums), clamp), np.float32(0))
        want = strided(values, outputs.stride)
        y, codes = memory.room(want.size), memory.put(strided(code, outputs.stride), np.uint8)
        kernels.epilogue_code_run(outputs.run(memory), clamp, codes, y)
        memory.check()
        np.testing.assert_array_equal(y, want)


@in_child
def test_finish_max(kernels: Micro) -> None:
    for i, (lanes, count, place) in enumerate(product(WIDE_COUNTS, (0, 1, 2, 9), PLACES)):
        memory, window, clamp = Memory(place), Window.random(count, lanes), clamp_of(i)
        y = memory.room(lanes)
        kernels.epilogue_max(window.view(memory), clamp, y)
        memory.check()
        best = window.candidates(window.sums).max(0, initial=-np.inf)
        np.testing.assert_array_equal(y, clamped(best, clamp))


@in_child
def test_finish_code(kernels: Micro) -> None:
    for i, (lanes, count, place) in enumerate(product(COUNTS, (0, 1, 2, 9), PLACES)):
        memory, window, clamp = Memory(place), Window.random(count, lanes), clamp_of(i)
        allowed = np.array([0, *(1 + np.flatnonzero(~window.padding))])
        code = np.random.default_rng(i).choice(allowed, lanes)
        y = memory.room(lanes)
        kernels.epilogue_code(window.view(memory), clamp, memory.put(code, np.uint8), y)
        memory.check()
        values = np.vstack([np.zeros(lanes), window.candidates(window.sums)])[code, np.arange(lanes)]
        np.testing.assert_array_equal(y, np.where(code == 0, 0, clamped(values, clamp)))


@in_child
def test_units_to_floats(kernels: Micro) -> None:
    for blocks, count, place in product(range(1, 5), range(4), PLACES):
        memory, width = Memory(place), LANES * blocks
        sums = np.random.default_rng(count).integers(-(2**26), 2**26, (count, width))
        room = memory.put(sums, np.int32)
        kernels.units_to_floats(room, count, blocks, score_view(memory, width))
        memory.check()
        np.testing.assert_array_equal(room.view(np.float32), scores(sums).reshape(-1))
