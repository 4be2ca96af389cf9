"""Element types of all tensors, as far as the model and shape inference tell."""

from __future__ import annotations

import contextlib

import onnx

from spl_onnx.rewrite.graph.tensors import copy_for_inference, graph_path

#: Values of onnx.TensorProto.DataType by (path of the graph, tensor name).
TypeTable = dict[tuple[str, str], int]


def infer_types(model: onnx.ModelProto) -> TypeTable:
    """Types of the tensors of every graph; those that are not known are missing."""
    light = copy_for_inference(model)
    # A failure of the inference leaves us with fewer types, never with wrong ones.
    with contextlib.suppress(Exception):
        light = onnx.shape_inference.infer_shapes(light, strict_mode=False)
    table: TypeTable = {}
    _collect(light.graph, "", table)
    return table


def _collect(graph: onnx.GraphProto, path: str, table: TypeTable) -> None:
    """Fill `table` for `graph` and the graphs inside it."""
    table.update(((path, tensor.name), tensor.data_type) for tensor in graph.initializer)
    for value in [*graph.input, *graph.value_info, *graph.output]:
        if value.type.tensor_type.elem_type != onnx.TensorProto.UNDEFINED:
            table[path, value.name] = value.type.tensor_type.elem_type
    for index, node in enumerate(graph.node):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _collect(attribute.g, graph_path(path, index, node, attribute.name), table)
