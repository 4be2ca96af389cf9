"""Pooling of channels-last images: reference of ChannelsLastMaxPool and ChannelsLastGlobalAveragePool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Pooling
from spl_onnx.spec.codes import Code, checked_bytes
from spl_onnx.spec.shapes import pool_direction
from spl_onnx.spec.window import window_max

#: Sums of bytes stay within 32 bits.
_MOST_PIXELS = 1 << 23


def max_pool(x: NDArray[np.float32], pooling: Pooling) -> NDArray[np.float32]:
    """The largest value of every window.

    Args:
        x: Images, float32 `[N,H,W,C]`.
        pooling: The window.

    Returns:
        float32 `[N,pH,pW,C]`; not-a-number never wins, and a window of nothing else gives -infinity.

    Raises:
        ModelError: `x` is not float32 of rank 4, has an image without values, or is two strides or more
            smaller than the window.
    """
    _check(x)
    if x.size == 0:
        height, width = (pool_direction(i, x.shape[1 + i], pooling) for i in range(2))
        return np.zeros((0, height, width, x.shape[3]), np.float32)
    return np.asarray(
        np.nan_to_num(window_max(x, pooling), nan=-np.inf, posinf=np.inf, neginf=-np.inf), np.float32
    )


def byte_max_pool(x: NDArray[np.uint8], pooling: Pooling) -> NDArray[np.uint8]:
    """QChannelsLastMaxPool: the largest byte of every window, 0 where it has none.

    Args:
        x: Images, uint8 `[N,H,W,C]`.
        pooling: The window.

    Returns:
        uint8 `[N,pH,pW,C]`.

    Raises:
        ModelError: As `max_pool`; `x` is not uint8.
    """
    largest = max_pool(np.asarray(checked_bytes("X", x), np.float32), pooling)
    return np.asarray(np.maximum(largest, 0), np.uint8)


def global_average(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of every channel of an image.

    Args:
        x: Images, float32 `[N,H,W,C]`.

    Returns:
        float32 `[N,1,1,C]`, computed in float64, rounded once.

    Raises:
        ModelError: `x` is not float32 of rank 4, or has an image without values.
    """
    _check(x)
    if x.size == 0:
        return np.zeros((0, 1, 1, x.shape[3]), np.float32)
    return np.asarray(x.mean(axis=(1, 2), dtype=np.float64, keepdims=True), np.float32)


def byte_average(x: NDArray[np.uint8], xscale: Array | None) -> NDArray[np.float32]:
    """QChannelsLastGlobalAveragePool: the mean of what the bytes of every channel stand for.

    Args:
        x: Images, uint8 `[N,H,W,C]`.
        xscale: Scale and zero point of `x`.

    Returns:
        float32 `[N,1,1,C]`, the exact sum of all steps times scale / pixels.

    Raises:
        ModelError: As `global_average`; `x` is not uint8 or has more than 2^23 pixels, or `xscale` is
            missing or out of range.
    """
    code = Code.read("Xscale", xscale)
    _check(np.asarray(checked_bytes("X", x), np.float32))
    pixels = x.shape[1] * x.shape[2]
    if pixels > _MOST_PIXELS:
        raise ModelError(f"X {list(x.shape)}; wanted at most {_MOST_PIXELS} pixels of bytes")
    if x.size == 0:
        return np.zeros((0, 1, 1, x.shape[3]), np.float32)
    total = x.astype(np.int64).sum(axis=(1, 2), keepdims=True) - pixels * int(code.zero_point)
    return np.asarray(total.astype(np.float32) * (code.scale / np.float32(pixels)), np.float32)


def _check(x: NDArray[np.float32]) -> None:
    if x.dtype != np.float32 or x.ndim != 4:
        raise ModelError(f"X is {x.dtype} {list(x.shape)}; wanted float32 [N,H,W,C]")
    if x.size == 0 and x.shape[0] > 0:
        raise ModelError(f"X {list(x.shape)} has an image without values; wanted none in a batch of 0 only")
