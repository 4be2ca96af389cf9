"""Walking over tensors, and copies without data."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from spl_onnx.rewrite.graph import tensors
from spl_onnx.rewrite.graph.tensors import (
    all_graphs,
    append_copy,
    byte_size,
    copy_without_data,
    header,
    model_tensors,
    total_bytes,
)
from tests.rewrite.builders import Net
from tests.rewrite.graph.test_roundtrip import full_model


def test_every_stored_tensor_is_found():
    names = {tensor.name for tensor in model_tensors(full_model())}
    assert names >= {"w", "b", "nobody", "words", "sparse", "sparse_i", "t_k", "e_k", "train_k", "one", "_i"}


def test_all_graphs():
    names = [graph.name for graph in all_graphs(full_model().graph)]
    assert (names[0], sorted(names[1:])) == ("graph", ["e", "t"])


@pytest.mark.parametrize(
    ("kind", "dims", "size"),
    [
        (TensorProto.FLOAT, [2, 3], 24),
        (TensorProto.INT8, [5], 5),
        (TensorProto.BOOL, [5], 5),
        (TensorProto.BFLOAT16, [3], 6),
        (TensorProto.INT4, [5], 3),
        (TensorProto.UINT4, [4], 2),
        (TensorProto.DOUBLE, [], 8),
        (TensorProto.FLOAT, [0, 7], 0),
        (TensorProto.STRING, [9], 0),
    ],
)
def test_byte_size(kind, dims, size):
    assert byte_size(TensorProto(data_type=kind, dims=dims)) == size


def test_copy_without_data_keeps_everything_but_large_tensors():
    model = full_model()
    light = copy_without_data(model, limit=100)
    large = model.graph.initializer[0]
    assert light.graph.initializer[0] == header(large)
    light.graph.initializer[0].CopyFrom(large)
    assert light == model


def test_a_copy_serves_shape_inference():
    made = Net()
    made.conv(made.input("x", ["N", 16, 8, 8]), "c", 16, 16)
    made.node("Reshape", ["c", made.const("s", np.array([-1, 16 * 36]))], "y")
    light = copy_without_data(made.model("y"))
    assert total_bytes(light) == total_bytes(made.model("y"))
    assert not light.graph.initializer[0].HasField("raw_data")
    shape = onnx.shape_inference.infer_shapes(light, strict_mode=True).graph.output[0].type.tensor_type.shape
    assert shape.dim[1].dim_value == 576


def test_large_tensors_are_copied_field_by_field(monkeypatch):
    monkeypatch.setattr(tensors, "_SAFE_COPY_BYTES", 8)
    tensor = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "t")
    tensor.doc_string = "text"
    tensor.metadata_props.add(key="k", value="v")
    graph = onnx.GraphProto()
    append_copy(graph.initializer, tensor)
    assert graph.initializer[0] == tensor
