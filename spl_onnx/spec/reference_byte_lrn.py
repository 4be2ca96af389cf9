"""Local response normalisation of bytes: the reference of QChannelsLastLRN.

Every step is one float32 operation in the order of docs/operators.md, so all machines give the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import ResponseNorm
from spl_onnx.spec.codes import Code, checked_bytes
from spl_onnx.spec.quantize import Float, levels_of

#: More than that is not divided by.
_LARGEST_BASE = np.float32(2.0**96)
#: Less a quarter of the bits of v, the bits of v^(-1/4) within 4 %.
_SEED = np.int32(0x4F584800)


def byte_lrn(
    x: NDArray[np.uint8], xscale: Array | None, yscale: Array | None, norm: ResponseNorm
) -> NDArray[np.uint8]:
    """Divide what bytes stand for by a power of the mean square of its neighbours along the channels.

    Args:
        x: Images, uint8 `[N,H,W,C]`.
        xscale: Scale and zero point of `x`.
        yscale: The same of the result.
        norm: The window and its constants.

    Returns:
        uint8 `[N,H,W,C]`.

    Raises:
        ModelError: `x` is not uint8 of rank 4, a scale is missing or out of range, or `norm` does not suit
            bytes.
    """
    if x.ndim != 4:
        raise ModelError(f"X is {x.dtype} {list(x.shape)}; wanted uint8 [N,H,W,C]")
    if not norm.suits_bytes:
        raise ModelError(f"{norm}; wanted a size of at most 258, alpha >= 0 and bias > 0 for bytes")
    code, of_y = Code.read("Xscale", xscale), Code.read("Yscale", yscale)
    steps = code.steps(checked_bytes("X", x))
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.float32(norm.alpha) / np.float32(norm.size) * (code.scale * code.scale)
        base = np.fmin(scale * _window_sums(np.square(steps), norm) + np.float32(norm.bias), _LARGEST_BASE)
        values = steps * _inverse_power(base, norm.beta)
        return levels_of(values, code.scale * (np.float32(1) / of_y.scale), of_y.zero_point)


def _window_sums(squares: Float, norm: ResponseNorm) -> Float:
    """Sums of whole numbers over the channels of each window, exact."""
    channels = squares.shape[-1]
    padded = np.pad(squares, [*[(0, 0)] * 3, (norm.before, norm.after)])
    windows = [padded[..., i : i + channels] for i in range(norm.size)]
    return np.asarray(sum(windows), np.float32)


def _inverse_power(v: Float, beta: float) -> Float:
    """v^-beta; another exponent than 0.5, 0.75 and 1 is left to NumPy."""
    if beta == 0.75:
        root = _inverse_fourth_root(v)
        return root * root * root
    if beta == 0.5:
        return np.asarray(np.float32(1) / np.sqrt(v))
    if beta == 1.0:
        return np.asarray(np.float32(1) / v)
    return np.asarray(np.power(v, np.float32(-beta)))


def _inverse_fourth_root(v: Float) -> Float:
    """A seed from the bits, and two of Newton's steps: within 1.5e-5 of the root."""
    t = (_SEED - (v.view(np.int32) >> 2)).view(np.float32)
    quarter = v * np.float32(-0.25)
    for _ in range(2):
        square = t * t
        t = t * (np.float32(1.25) + quarter * (square * square))
    return t
