"""planes.cc: planes of floats to channels-last bytes."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.ort_ops.micro.kernels import Micro, Quantization
from tests.ort_ops.micro.memory import PLACES, Memory, in_child
from tests.ort_ops.micro.test_quantize import quantised
from tests.ort_ops.micro.values import COUNTS, whole


@in_child
def test_quantize_planes(kernels: Micro) -> None:
    for pixels, channels, place in product(COUNTS, (0, 1, 2, 3, 4, 5, 7, 8, 11), PLACES):
        rng, memory = np.random.default_rng(pixels), Memory(place)
        plane = pixels + channels % 3
        x = (whole(rng, channels, plane) * 40.5).astype(np.float32)
        x[:, ::5] = np.nan
        x[:, 1::7] = -np.inf
        given = memory.put(x.reshape(-1)[: max(channels - 1, 0) * plane + (pixels if channels else 0)])
        out = memory.room(pixels * channels, np.uint8)
        kernels.quantize_planes(given, plane, pixels, channels, Quantization(0, 0.75, 100.0), out)
        memory.check()
        wanted = quantised(x[:, :pixels].T, 0.75, 100.0)
        np.testing.assert_array_equal(out, wanted.reshape(-1))
