"""add_rows.cc: rows, each times its input, added to the outputs of few vectors."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.values import COUNTS, strided, whole


@in_child
def test_add_rows(kernels: Micro) -> None:
    for n, count, vectors, place in product(COUNTS, (0, 1, 5, 8, 17), (0, 1, 3), PLACES):
        rng, memory = np.random.default_rng(100 * n + count), Memory(place)
        x, rows, before = whole(rng, vectors, count), whole(rng, count, n), whole(rng, vectors, n)
        stride, y = count + 3, memory.put(before)
        pointers = memory.pointers(map(memory.put, rows))
        kernels.add_rows(memory.put(strided(x, stride)), stride, vectors, pointers, count, n, y)
        memory.check()
        np.testing.assert_array_equal(y.reshape(vectors, n), before + x @ rows)
