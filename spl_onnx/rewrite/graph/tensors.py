"""Walking over the tensors of a model, and copies of a model without its large tensors."""

from __future__ import annotations

from collections.abc import Iterator, MutableSequence

import onnx

from spl_onnx.spec.messages import element_type, free_negative_sizes, value_count

#: Tensors of at most this many bytes may matter for shapes (Reshape targets, axes); larger ones never do.
SMALL_TENSOR_BYTES = 1024

_SAFE_COPY_BYTES = 1 << 30

#: Bits of the types that share a byte.
_SMALL_BITS = {
    getattr(onnx.TensorProto, name): bits
    for name, bits in (("INT4", 4), ("UINT4", 4), ("FLOAT4E2M1", 4), ("INT2", 2), ("UINT2", 2))
    if hasattr(onnx.TensorProto, name)
}


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in the attributes of one node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """`graph` and every graph inside it."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Tensors that a node reads, those that its inner graphs take from outside included."""
    yield from (name for name in node.input if name)
    for graph in subgraphs(node):
        inside = {value.name for value in graph.input} | {t.name for t in graph.initializer}
        inside |= {t.values.name for t in graph.sparse_initializer}
        inside |= {name for inner in graph.node for name in inner.output}
        taken = [name for inner in graph.node for name in reads(inner)]
        taken += [value.name for value in graph.output]
        yield from (name for name in taken if name not in inside)


def graph_path(outer: str, index: int, node: onnx.NodeProto, attribute: str) -> str:
    """Path of the graph in `attribute` of `node`, unique within a model."""
    label = node.name or next((name for name in node.output if name), str(index))
    return f"{outer}/{label}#{index}/{attribute}" if outer else f"{label}#{index}/{attribute}"


def _node_tensors(nodes: Iterator[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """The tensors in node attributes, not looking into graphs."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
            for tensor in [*sparse, *attribute.sparse_tensors]:
                yield tensor.values
                yield tensor.indices


def model_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor stored in `model`: initializers and attributes, of all graphs and functions."""
    graphs = list(all_graphs(model.graph))
    for info in model.training_info:
        for graph in (info.initialization, info.algorithm):
            graphs += all_graphs(graph)
    for function in model.functions:
        yield from _node_tensors(iter(function.node))
        for node in function.node:
            for inner in subgraphs(node):
                graphs += all_graphs(inner)
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield sparse.values
            yield sparse.indices
        yield from _node_tensors(iter(graph.node))


def element_count(tensor: onnx.TensorProto) -> int:
    """Number of elements that the dimensions of `tensor` announce."""
    return value_count(tensor.dims)


def byte_size(tensor: onnx.TensorProto) -> int:
    """Bytes that the elements of `tensor` take when stored as raw data.

    0 for strings, and for dimensions and types that mean nothing.
    """
    bits = _SMALL_BITS.get(tensor.data_type)
    if bits is None:
        dtype = element_type(tensor.data_type)
        bits = 0 if dtype is None or dtype.hasobject else 8 * dtype.itemsize
    return max(-(-element_count(tensor) * bits // 8), 0)


def total_bytes(model: onnx.ModelProto) -> int:
    """Bytes of all tensors of `model`."""
    return sum(byte_size(tensor) for tensor in model_tensors(model))


def header(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """Name, type and shape of `tensor` without its data (marked as stored elsewhere)."""
    light = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    light.data_location = onnx.TensorProto.EXTERNAL
    light.external_data.add(key="location", value="elsewhere")
    return light


def append_copy(target: MutableSequence[onnx.TensorProto], tensor: onnx.TensorProto) -> None:
    """Append a copy of `tensor` to a repeated field; protobuf's own copy fails at 2 GiB."""
    copy = target.add()  # type: ignore[attr-defined]
    if byte_size(tensor) < _SAFE_COPY_BYTES or not tensor.HasField("raw_data"):
        copy.CopyFrom(tensor)
        return
    for field, value in tensor.ListFields():
        if isinstance(value, str | bytes | int):
            setattr(copy, field.name, value)
        else:
            getattr(copy, field.name).extend(value)


def copy_graph_without_data(graph: onnx.GraphProto, limit: int = SMALL_TENSOR_BYTES) -> onnx.GraphProto:
    """A copy of `graph` whose initializers above `limit` bytes are headers; inner graphs are copied whole."""
    light = onnx.GraphProto()
    for field, value in graph.ListFields():
        if field.name == "initializer":
            light.initializer.extend(header(t) if byte_size(t) > limit else t for t in graph.initializer)
        elif isinstance(value, str):
            setattr(light, field.name, value)
        else:
            getattr(light, field.name).extend(value)
    return light


def copy_without_data(model: onnx.ModelProto, limit: int = SMALL_TENSOR_BYTES) -> onnx.ModelProto:
    """A copy of `model` whose top-level initializers above `limit` bytes are headers.

    It serves shape inference and editing: cheap for models of any size.
    """
    light = onnx.ModelProto()
    for field, value in model.ListFields():
        if field.name == "graph":
            light.graph.CopyFrom(copy_graph_without_data(model.graph, limit))
        elif isinstance(value, str | int):
            setattr(light, field.name, value)
        else:
            getattr(light, field.name).extend(value)
    return light


def copy_for_inference(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` without large data that the shape inference of onnx can work on.

    It takes a size of -1 for a number, and where a Slice follows, it aborts.
    """
    light = copy_without_data(model)
    free_negative_sizes(light.graph)
    return light
