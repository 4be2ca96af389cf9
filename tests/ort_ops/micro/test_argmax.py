"""argmax.cc: sums to selections."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.scores import score_view, scores
from tests.ort_ops.micro.values import COUNTS, strided
from tests.ort_ops.micro.windows import Outputs, Window

THRESHOLD = 1.0


def selected(window: Window, values: np.ndarray) -> np.ndarray:
    """1 + the first place of the highest candidate above the threshold, or 0."""
    candidates = np.vstack([np.full((1, values.shape[1]), THRESHOLD), window.candidates(values)])
    return np.asarray(candidates.argmax(0))


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_select_sums_run(kernels: Micro, with_residual: bool) -> None:
    for lanes, count, place in product(COUNTS, range(4), PLACES):
        memory, outputs = Memory(place), Outputs.random(count, lanes, with_residual)
        want = strided((outputs.added(outputs.sums) > THRESHOLD).astype(np.uint8), outputs.stride)
        code = memory.room(want.size, np.uint8)
        kernels.select_sums_run(outputs.run(memory), THRESHOLD, code)
        memory.check()
        np.testing.assert_array_equal(code, want)


@pytest.mark.parametrize("with_residual", [False, True])
@in_child
def test_select_units_run(kernels: Micro, with_residual: bool) -> None:
    for lanes, count, place in product(COUNTS, range(4), PLACES):
        memory, outputs = Memory(place), Outputs.random(count, lanes, with_residual, np.int32)
        chosen = (outputs.added(scores(outputs.sums)) > THRESHOLD).astype(np.uint8)
        want = strided(chosen, outputs.stride)
        code = memory.room(want.size, np.uint8)
        kernels.select_units_run(outputs.run(memory), score_view(memory, lanes), THRESHOLD, code)
        memory.check()
        np.testing.assert_array_equal(code, want)


@in_child
def test_argmax_sums(kernels: Micro) -> None:
    for lanes, count, place in product(COUNTS, (0, 1, 2, 9), PLACES):
        memory, window = Memory(place), Window.random(count, lanes)
        code = memory.room(lanes, np.uint8)
        kernels.argmax_sums(window.view(memory), THRESHOLD, code)
        memory.check()
        np.testing.assert_array_equal(code, selected(window, window.sums))


@in_child
def test_argmax_units(kernels: Micro) -> None:
    for lanes, count, place in product(COUNTS, (0, 1, 2, 9), PLACES):
        memory, window = Memory(place), Window.random(count, lanes, np.int32)
        code = memory.room(lanes, np.uint8)
        kernels.argmax_units(window.view(memory), score_view(memory, lanes), THRESHOLD, code)
        memory.check()
        np.testing.assert_array_equal(code, selected(window, scores(window.sums)))
