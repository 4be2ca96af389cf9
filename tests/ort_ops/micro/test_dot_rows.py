"""dot_rows.cc: one vector times a list of rows where they lie."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, whole


@in_child
def test_dot_rows(kernels: Micro) -> None:
    for k, count, place in product(COUNTS, (*range(10), 17), PLACES):
        rng, memory = np.random.default_rng(100 * k + count), Memory(place)
        x, rows = whole(rng, k), whole(rng, count, k)
        out = memory.room(count, beyond=7)
        kernels.dot_rows(memory.put(x), memory.pointers(map(memory.put, rows)), count, k, out)
        memory.check()
        np.testing.assert_array_equal(out, rows @ x)
