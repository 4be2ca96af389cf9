"""Local response normalisation of channels-last images: the reference of ChannelsLastLRN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import ResponseNorm


def lrn(x: NDArray[np.float32], norm: ResponseNorm) -> NDArray[np.float32]:
    """Divide every value by a power of the mean square of its neighbours along the channels.

    Args:
        x: Images, float32 `[N,H,W,C]`.
        norm: The window and its constants.

    Returns:
        float32 `[N,H,W,C]`: `x / (bias + alpha / size * sum)^beta`, `sum` over the squares of the channels
        `c - (size - 1) // 2` to `c + size // 2` that exist; computed in float64, rounded once.

    Raises:
        ModelError: `x` is not float32 of rank 4.
    """
    if x.dtype != np.float32 or x.ndim != 4:
        raise ModelError(f"X is {x.dtype} {list(x.shape)}; wanted float32 [N,H,W,C]")
    squares = np.square(x.astype(np.float64))
    total = np.zeros_like(squares)
    for c in range(x.shape[3]):
        window = squares[..., max(0, c - norm.before) : c + norm.after + 1]
        total[..., c] = window.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = x / (norm.bias + norm.alpha / norm.size * total) ** norm.beta
    return y.astype(np.float32)
