"""Sizes of convolution and pooling outputs."""

from __future__ import annotations

from collections.abc import Sequence

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import ConvGeometry, Pooling


def conv_output_size(size: int, kernel: int, stride: int, begin: int, end: int, dilation: int) -> int:
    """Output places of a convolution along one direction, as ONNX Conv: one at least.

    Args:
        size: Input places; may be 0.
        kernel: Kernel taps.
        stride: Step between outputs.
        begin: Padding before the input.
        end: Padding after the input.
        dilation: Distance between taps.

    Raises:
        ModelError: The kernel is larger than the padded input.
    """
    reach = (kernel - 1) * dilation + 1
    if size < 0 or size + begin + end < reach:
        raise ModelError(
            f"convolution input has {size} places and {begin} + {end} of padding in one direction; "
            f"wanted at least {reach}, the reach of the kernel"
        )
    return (size + begin + end - reach) // stride + 1


def pool_output_size(size: int, kernel: int, stride: int, begin: int, end: int, ceil: bool) -> int:
    """Output places of a max pooling along one direction, as MaxPool of ONNX Runtime from 1.21 on.

    Quotients are rounded towards 0: a window that reaches less than a stride beyond the padded input counts,
    and one that reaches a whole stride beyond it leaves an empty output. In ceil mode a last window that
    would start beyond the input and its leading padding is dropped.

    Args:
        size: Input places; may be 0.
        kernel: Places of the window.
        stride: Step between windows.
        begin: Padding before the input.
        end: Padding after the input.
        ceil: Whether the number of windows is rounded up.

    Raises:
        ModelError: The window reaches two strides or more beyond the padded input.
    """
    room = size + begin + end - kernel
    count = (-(-room // stride) if ceil or room < 0 else room // stride) + 1
    if size < 0 or count < 0:
        raise ModelError(
            f"pooling input has {size} places and {begin} + {end} of padding in one direction; "
            f"wanted less than two strides ({stride} each) below {kernel}, the size of the window"
        )
    return count - 1 if ceil and (count - 1) * stride >= size + begin else count


def conv_direction(direction: int, size: int, kernel: Sequence[int], geometry: ConvGeometry) -> int:
    """Output places of a convolution down (direction 0) or right (1); `kernel` is its height and width."""
    return conv_output_size(
        size,
        kernel[direction],
        geometry.strides[direction],
        geometry.pads[direction],
        geometry.pads[direction + 2],
        geometry.dilations[direction],
    )


def pool_direction(direction: int, size: int, pooling: Pooling) -> int:
    """Output places of a pooling down (direction 0) or right (1)."""
    return pool_output_size(
        size,
        pooling.kernel[direction],
        pooling.strides[direction],
        pooling.pads[direction],
        pooling.pads[direction + 2],
        pooling.ceil,
    )
