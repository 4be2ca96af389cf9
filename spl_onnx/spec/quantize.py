"""Quantisation of int8 predictors: symmetric weights per output, unsigned 8-bit inputs with a zero point.

Every step is one float32 operation in the order of docs/operators.md, so all machines give the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError

Float = NDArray[np.float32]

WEIGHT_LEVELS = 127
INPUT_LEVELS = 255
#: Below the smallest normal float32, 1 / scale overflows and machines that flush such numbers to 0 differ.
SMALLEST_SCALE = np.finfo(np.float32).tiny


def quantize_weights(w: Array) -> tuple[NDArray[np.int8], Float]:
    """Symmetric int8 weights, one scale per output.

    Args:
        w: `[O,...]` float, finite.

    Returns:
        int8 of the same shape in -127..127, and scale `[O]` float32 with `w` about `int8 * scale`. A row of
        zeros (or one too small for a float32 scale) has scale 1 and is all zeros.

    Raises:
        ModelError: A weight is not finite.
    """
    w = np.asarray(w, np.float32)
    if not np.isfinite(w).all():
        raise ModelError(
            "weights hold a value that is not finite; wanted finite weights for an int8 predictor"
        )
    rows = w.reshape(w.shape[0], -1)
    scale = (np.abs(rows).max(axis=1, initial=0) / np.float32(WEIGHT_LEVELS)).astype(np.float32)
    scale[scale < SMALLEST_SCALE] = 1
    levels = np.clip(np.rint(rows / scale[:, None]), -WEIGHT_LEVELS, WEIGHT_LEVELS)
    return levels.astype(np.int8).reshape(w.shape), scale


def weight_levels(w: Array, wscale: Array | None) -> tuple[NDArray[np.int8], Float]:
    """Weights of a layer in 8 bits: int8 ones as they are, with their scales; others quantised."""
    return (w, np.asarray(wscale, np.float32)) if w.dtype == np.int8 else quantize_weights(w)


def weight_values(w: Array, wscale: Array | None) -> Array:
    """What weights `[O,...]` stand for: int8 times the scale of the output, one float32 operation."""
    if w.dtype != np.int8:
        return w
    scale = np.asarray(wscale, np.float32).reshape(-1, *[1] * (w.ndim - 1))
    return np.asarray(w.astype(np.float32) * scale, np.float32)


def dynamic_scale(x: Array, axes: tuple[int, ...]) -> tuple[Float, Float]:
    """Scale and zero point that fit the range of `x` and 0 into 0..255.

    Values that are not a number do not count. An infinite range, an empty one, and one whose scale is not a
    normal float32 number have scale 1.

    Args:
        x: float32, any shape.
        axes: Directions over which one scale is shared.

    Returns:
        Scale (> 0) and zero point (an integer 0..255), float32, shaped as `x` with 1 along `axes`.
    """
    low = np.fmin.reduce(x, axis=axes, keepdims=True, initial=np.float32(0))
    high = np.fmax.reduce(x, axis=axes, keepdims=True, initial=np.float32(0))
    with np.errstate(over="ignore"):
        scale = (high - low) / np.float32(INPUT_LEVELS)
    scale = np.where(np.isfinite(scale) & (scale >= SMALLEST_SCALE), scale, np.float32(1))
    zero_point = np.clip(np.rint(-low / scale), 0, INPUT_LEVELS)
    return scale.astype(np.float32), zero_point.astype(np.float32)


def static_scale(xscale: Array, name: str = "Xscale") -> tuple[Float, Float]:
    """Scale and zero point from the input `Xscale`.

    Args:
        xscale: `[1]` scale, or `[2]` scale and zero point; float32.
        name: What messages call it.

    Returns:
        Two float32 scalars.

    Raises:
        ModelError: Wrong shape, a scale that is not a positive normal number, or a zero point that is not an
            integer 0..255.
    """
    xscale = np.asarray(xscale, np.float32)
    if xscale.shape not in ((1,), (2,)):
        raise ModelError(
            f"{name} has shape {list(xscale.shape)}; wanted [1] (scale) or [2] (scale, zero point)"
        )
    scale = xscale[0]
    zero_point = xscale[1] if xscale.size == 2 else np.float32(0)
    if not (np.isfinite(scale) and scale >= SMALLEST_SCALE):
        raise ModelError(f"{name} holds the scale {scale}; wanted a positive normal number")
    if not (0 <= zero_point <= INPUT_LEVELS and zero_point == np.rint(zero_point)):
        raise ModelError(f"{name} holds the zero point {zero_point}; wanted an integer 0..{INPUT_LEVELS}")
    return np.asarray(scale), np.asarray(zero_point)


def quantize_input(x: Array, scale: Array, zero_point: Array) -> NDArray[np.uint8]:
    """clamp(round(x * (1 / scale)) + zero_point, 0, 255); not-a-number gives 0.

    Args:
        x: float32, any shape.
        scale: float32, broadcasts with `x`.
        zero_point: Integers 0..255 in float32, broadcasts with `x`.

    Returns:
        uint8, shape of `x`.
    """
    return levels_of(x, np.float32(1) / scale, zero_point)


def levels_of(x: Array, inverse: Array, zero_point: Array) -> NDArray[np.uint8]:
    """The same with the inverse of the scale, float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        levels = np.rint(x * inverse) + zero_point
        levels = np.fmin(np.fmax(levels, np.float32(0)), np.float32(INPUT_LEVELS))
    return np.asarray(levels, np.uint8)


def steps_from_zero(q: NDArray[np.uint8], zero_point: Array) -> Float:
    """The whole numbers that bytes stand for, before the scale: q - zero_point; float32, exact."""
    return np.asarray(q.astype(np.float32) - zero_point, np.float32)


def dequantize(q: NDArray[np.uint8], scale: Array, zero_point: Array) -> Float:
    """The values that bytes stand for: (q - zero_point) * scale, one float32 operation each."""
    return np.asarray(steps_from_zero(q, zero_point) * np.asarray(scale, np.float32), np.float32)
