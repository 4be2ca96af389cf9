"""Channels last and back, and what is said of the outputs of operators that work so."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


def give_rank(y: gs.Tensor, rank: int | None, last: int | None = None) -> None:
    """Say of the float32 output of an operator of ours how many dimensions it has, and its last size.

    The library can say so only where it knows every size, and before ONNX Runtime 1.24 not at all. Readers
    (Resize, Shape) then take a tensor without a rank for one without dimensions. Other sizes are left open:
    what a model announces of them may be wrong.

    Args:
        y: The output.
        rank: Its number of dimensions; None = not known, nothing is said.
        last: Its last size, where it is known.
    """
    if rank:
        y.dtype, y.shape = np.dtype(np.float32), [*[None] * (rank - 1), last]
