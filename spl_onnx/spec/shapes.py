"""Sizes of convolution and pooling outputs, also for dimensions that are only known by name."""

from __future__ import annotations

from collections.abc import Sequence

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import ConvGeometry, Pooling

#: A dimension: a number, the name of a dynamic one, or None when nothing is known.
Dim = int | str | None


def conv_output_size(size: int, kernel: int, stride: int, begin: int, end: int, dilation: int) -> int:
    """Output places of a convolution along one direction, as ONNX Conv.

    Args:
        size: Input places.
        kernel: Kernel taps.
        stride: Step between outputs.
        begin: Padding before the input.
        end: Padding after the input.
        dilation: Distance between taps.

    Raises:
        ModelError: The kernel is larger than the padded input.
    """
    reach = (kernel - 1) * dilation + 1
    if size < 1 or size + begin + end < reach:
        raise ModelError(
            f"convolution input has {size} places and {begin} + {end} of padding in one direction; "
            f"wanted at least {reach}, the reach of the kernel"
        )
    return (size + begin + end - reach) // stride + 1


def pool_output_size(size: int, kernel: int, stride: int, begin: int, end: int, ceil: bool) -> int:
    """Output places of a max pooling along one direction, as ONNX MaxPool.

    In ceil mode a last window that would start beyond the input and its leading padding is dropped.

    Args:
        size: Input places.
        kernel: Places of the window.
        stride: Step between windows.
        begin: Padding before the input.
        end: Padding after the input.
        ceil: Whether the number of windows is rounded up.

    Raises:
        ModelError: Not one window fits.
    """
    room = size + begin + end - kernel
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + begin:
        count -= 1
    if size < 1 or count < 1:
        raise ModelError(
            f"pooling input has {size} places and {begin} + {end} of padding in one direction; "
            f"wanted at least {kernel}, the size of the window"
        )
    return count


def conv_output_dims(
    height: Dim, width: Dim, kernel: Sequence[int], geometry: ConvGeometry
) -> tuple[Dim, Dim]:
    """Height and width behind a convolution; None where the input dimension is not a number."""
    pads, strides, dilations = geometry.pads, geometry.strides, geometry.dilations
    sizes: list[Dim] = [
        conv_output_size(dim, kernel[i], strides[i], pads[i], pads[i + 2], dilations[i])
        if isinstance(dim, int)
        else None
        for i, dim in enumerate((height, width))
    ]
    return sizes[0], sizes[1]


def pool_output_dims(height: Dim, width: Dim, pooling: Pooling) -> tuple[Dim, Dim]:
    """Height and width behind a pooling; names survive where nothing is pooled, else None for a non-number."""
    if pooling.is_none:
        return height, width
    kernel, strides, pads = pooling.kernel, pooling.strides, pooling.pads
    sizes: list[Dim] = [
        pool_output_size(dim, kernel[i], strides[i], pads[i], pads[i + 2], pooling.ceil)
        if isinstance(dim, int)
        else None
        for i, dim in enumerate((height, width))
    ]
    return sizes[0], sizes[1]


def image_output_shape(
    x_shape: Sequence[Dim], w_shape: Sequence[int], geometry: ConvGeometry, pooling: Pooling
) -> tuple[Dim, Dim, Dim, Dim]:
    """Shape `[N,pH,pW,O]` of S and Y for an image `[N,H,W,C]` and weights `[O,kH,kW,C/group]`."""
    height, width = conv_output_dims(x_shape[1], x_shape[2], w_shape[1:3], geometry)
    return (x_shape[0], *pool_output_dims(height, width, pooling), w_shape[0])


def matrix_output_shape(x_shape: Sequence[Dim], w_shape: Sequence[int]) -> tuple[Dim, ...]:
    """Shape `[...,O]` of S and Y for a matrix `[...,K]` and weights `[O,K]`."""
    return (*x_shape[:-1], w_shape[0])
