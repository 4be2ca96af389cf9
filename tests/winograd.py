"""The matrices of Winograd's convolution with six inputs a side, points 0, +-11/16, +-3/2 and infinity."""

from __future__ import annotations

import numpy as np

A, B = 0.6875, 1.5
AA, BB = A * A, B * B
POINTS = (0.0, A, -A, B, -B)

#: Of six values to the points.
INPUT = np.array(
    [
        [AA * BB, 0, -(AA + BB), 0, 1, 0],
        [0, -A * BB, -BB, A, 1, 0],
        [0, A * BB, -BB, -A, 1, 0],
        [0, -B * AA, -AA, B, 1, 0],
        [0, B * AA, -AA, -B, 1, 0],
        [0, AA * BB, 0, -(AA + BB), 0, 1],
    ]
)


def output_matrix(side: int) -> np.ndarray:
    """From the points to `side` values."""
    last = [0.0] * (side - 1) + [1.0]
    return np.array([[*(point**i for point in POINTS), last[i]] for i in range(side)])


def weight_matrix(taps: int) -> np.ndarray:
    """Of `taps` weights to the points: their polynomial there, over the distances to the others."""
    rows = [
        [point**i / np.prod([point - other for other in POINTS if other != point]) for i in range(taps)]
        for point in POINTS
    ]
    return np.array([*rows, [0.0] * (taps - 1) + [1.0]])
