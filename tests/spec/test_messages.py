"""Sizes and values of messages that may hold anything."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.spec.messages import (
    array_of,
    declared_shape,
    declared_size,
    element_type,
    free_negative_sizes,
    known_sizes,
    value_count,
)


@pytest.mark.parametrize(
    ("dims", "shape"), [([2, "N", None], (2, "N", None)), ([-1, 0, -(1 << 62)], (None, 0, None))]
)
def test_declared_shape(dims, shape):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)
    assert declared_shape(value) == shape
    assert known_sizes(value) == tuple(dim if isinstance(dim, int) else None for dim in shape)


def test_sizes_below_zero_of_a_graph_become_free():
    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape) for shape in ([-1, 3, "H"], None)]
    graph = helper.make_graph([], "g", values, values)
    free_negative_sizes(graph)
    for value in (graph.input[0], graph.output[0]):
        dims = value.type.tensor_type.shape.dim
        assert not dims[0].HasField("dim_value")
        assert (dims[1].dim_value, dims[2].dim_param) == (3, "H")
    assert graph.input[1] == values[1], "a tensor without a shape gets none"


def test_no_shape():
    assert declared_shape(helper.make_tensor_value_info("x", TensorProto.FLOAT, None)) is None
    assert declared_shape(helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1])) is None
    assert known_sizes(onnx.ValueInfoProto(name="x")) is None


def test_a_dimension_of_nothing_is_free():
    assert declared_size(onnx.TensorShapeProto.Dimension()) is None


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(TensorProto.FLOAT, np.float32), (TensorProto.BOOL, np.bool_), (0, None), (77, None), (-1, None)],
)
def test_element_type(kind, dtype):
    assert element_type(kind) == (None if dtype is None else np.dtype(dtype))


def tensor(**fields):
    made = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    for name, value in fields.items():
        if name == "dims":
            made.dims[:] = value
        else:
            setattr(made, name, value)
    return made


def test_values():
    assert np.array_equal(array_of(tensor()), np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    "fields",
    [
        {"dims": [-1]},
        {"dims": [7]},
        {"dims": [1 << 40, 1 << 40]},
        {"raw_data": b"\x00" * 23},
        {"data_type": 33},
        {"data_type": 0},
        {"data_type": TensorProto.STRING},
        {"data_location": TensorProto.EXTERNAL},
    ],
)
def test_values_that_do_not_fit(fields):
    assert array_of(tensor(**fields)) is None


def test_value_count_never_turns_over():
    assert value_count([1 << 62, 1 << 62]) == 1 << 124
    assert value_count([]) == 1 and value_count([3, 0]) == 0
