"""What ONNX messages say about sizes and values, read with care: nobody vouches for their content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spl_onnx.arrays import Array

#: Made-up inputs have at most this many values; more than that is a made-up size.
MOST_VALUES = 1 << 27


def declared_size(dim: onnx.TensorShapeProto.Dimension) -> int | None:
    """The size that a dimension declares, None where it is free.

    A number below 0 is no size: PaddlePaddle writes -1 for free dimensions, and ONNX Runtime takes it so.
    """
    if not dim.HasField("dim_value") or dim.dim_value < 0:
        return None
    return int(dim.dim_value)


def free_negative_sizes(graph: onnx.GraphProto) -> None:
    """Make sizes below 0 that a graph declares free ones: the shape inference of onnx counts with them."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            for dim in value.type.tensor_type.shape.dim:
                if declared_size(dim) is None and dim.HasField("dim_value"):
                    dim.ClearField("dim_value")


def declared_shape(value: onnx.ValueInfoProto) -> tuple[int | str | None, ...] | None:
    """Sizes and symbols that a tensor declares; None where it declares no shape or is no tensor."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        return None
    dims = []
    for dim in value.type.tensor_type.shape.dim:
        size = declared_size(dim)
        dims.append(size if size is not None else dim.dim_param or None)
    return tuple(dims)


def known_sizes(value: onnx.ValueInfoProto) -> tuple[int | None, ...] | None:
    """The sizes that a tensor declares, None for those that are free; None as a whole as `declared_shape`."""
    shape = declared_shape(value)
    return None if shape is None else tuple(dim if isinstance(dim, int) else None for dim in shape)


def element_type(kind: int) -> np.dtype[Any] | None:
    """The NumPy type of a TensorProto.DataType; None for numbers that name no type."""
    try:
        return helper.tensor_dtype_to_np_dtype(kind)
    except (KeyError, ValueError, TypeError):
        return None


def array_of(tensor: onnx.TensorProto) -> Array | None:
    """The values of a tensor; None where data, type and dimensions do not belong together."""
    if any(dim < 0 for dim in tensor.dims) or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except Exception:  # it raises whatever NumPy, a decoder or a look-up did
        return None


def value_count(shape: Sequence[int]) -> int:
    """Number of values in an array of this shape, of any size."""
    count = 1
    for size in shape:
        count *= int(size)
    return count
