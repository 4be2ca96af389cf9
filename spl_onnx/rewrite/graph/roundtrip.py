"""To graphsurgeon and back without loss.

graphsurgeon drops model metadata, version, domain and documentation, node documentation and metadata,
quantization annotations, initializers nobody reads, attributes of rarer types, overloads, and fails on some
input types. So it is given only the structure (names, nodes, attributes it can hold). After the edit,
everything it does not need to know is taken from the original: a node is recognised by its first output name,
in its own graph. Weights never pass through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from operator import attrgetter

import onnx
import onnx_graphsurgeon as gs
from onnx_graphsurgeon.logger import G_LOGGER

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.tensors import append_copy

_KEPT_ATTRIBUTES = frozenset(
    getattr(onnx.AttributeProto, name)
    for name in ("FLOAT", "INT", "STRING", "GRAPH", "FLOATS", "INTS", "STRINGS")
)
_LISTS: dict[int, Callable[[onnx.AttributeProto], Sized]] = {
    onnx.AttributeProto.FLOATS: attrgetter("floats"),
    onnx.AttributeProto.INTS: attrgetter("ints"),
    onnx.AttributeProto.STRINGS: attrgetter("strings"),
}


def import_model(model: onnx.ModelProto) -> gs.Graph:
    """The structure of `model` as a graphsurgeon graph. Constants in it carry no data.

    Raises:
        ModelError: A node holds a list of graphs, which graphsurgeon cannot represent.
    """
    skeleton = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    _skeleton(model.graph, skeleton.graph)
    with G_LOGGER.suppress():  # it tells standard output about every node name that is not unique
        return gs.import_onnx(skeleton)


def _skeleton(source: onnx.GraphProto, target: onnx.GraphProto) -> None:
    """Fill `target` with the structure of `source`."""
    target.name = source.name
    tensors = [*source.initializer, *(sparse.values for sparse in source.sparse_initializer)]
    for tensor in tensors:
        # A plausible type is enough: type and data are taken from the original at the end.
        target.initializer.add(name=tensor.name, data_type=onnx.TensorProto.FLOAT, dims=[0])
    for field in ("input", "output"):
        for value in getattr(source, field):
            getattr(target, field).add(name=value.name)
    for node in source.node:
        _skeleton_node(node, target.node.add())


def _skeleton_node(source: onnx.NodeProto, target: onnx.NodeProto) -> None:
    target.input.extend(source.input)
    target.output.extend(source.output)
    target.name, target.op_type, target.domain = source.name, source.op_type, source.domain
    for attribute in source.attribute:
        if attribute.type == onnx.AttributeProto.GRAPHS:
            raise ModelError(
                f"node {source.name!r} ({source.op_type}) holds a list of graphs "
                f"in attribute {attribute.name!r}; "
                "wanted at most one graph per attribute: such a model cannot be rewritten"
            )
        if attribute.type == onnx.AttributeProto.GRAPH:
            copied = target.attribute.add(name=attribute.name, type=attribute.type)
            _skeleton(attribute.g, copied.g)
        elif attribute.type in _KEPT_ATTRIBUTES and _can_be_held(attribute):
            target.attribute.add().CopyFrom(attribute)


def _can_be_held(attribute: onnx.AttributeProto) -> bool:
    """Whether graphsurgeon can: it fails on texts that do not decode, and on lists without elements."""
    if attribute.ref_attr_name or (attribute.type in _LISTS and not _LISTS[attribute.type](attribute)):
        return False
    try:
        for value in (attribute.s, *attribute.strings):
            value.decode()
    except UnicodeDecodeError:
        return False
    return True


def export_model(
    graph: gs.Graph, original: onnx.ModelProto, drop: frozenset[str] = frozenset()
) -> onnx.ModelProto:
    """The edited graph as a model that has everything else of `original`.

    Args:
        graph: The graph of `import_model`, edited. New constants are stored as initializers.
        original: The model it came from; not changed.
            So are the types and shapes of variables that have them and that `original` says nothing of.
        drop: Names of initializers that are no longer wanted, if nothing reads them now.

    Returns:
        A new model.
    """
    with G_LOGGER.suppress():
        edited = gs.export_onnx(graph, do_type_check=False).graph
    result = onnx.ModelProto()
    for field, value in original.ListFields():
        if field.name == "graph":
            continue
        if isinstance(value, str | int):
            setattr(result, field.name, value)
        else:
            getattr(result, field.name).extend(value)
    unread = frozenset(drop - _read_names(edited))
    _merge(original.graph, edited, result.graph, unread, frozenset())
    return result


def _read_names(graph: onnx.GraphProto) -> set[str]:
    """Names that nodes and outputs of `graph` and its inner graphs read."""
    names = {value.name for value in graph.output}
    for node in graph.node:
        names.update(node.input)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                names |= _read_names(attribute.g)
    return names


def _merge(
    original: onnx.GraphProto,
    edited: onnx.GraphProto,
    merged: onnx.GraphProto,
    unread: frozenset[str],
    outer: frozenset[str],
) -> None:
    """Fill `merged`: `original` with nodes and new constants of `edited`; `outer`: constants from outside."""
    own = {t.name for t in original.initializer} | {t.values.name for t in original.sparse_initializer}
    visible = outer | own
    gone = _produced(original) - _produced(edited)
    for field, value in original.ListFields():
        if field.name == "node":
            merged.node.extend(_merge_nodes(original, edited, unread, visible))
        elif field.name == "initializer":
            for tensor in value:
                if tensor.name not in unread:
                    append_copy(merged.initializer, tensor)
        elif field.name in ("value_info", "quantization_annotation"):
            key = "name" if field.name == "value_info" else "tensor_name"
            getattr(merged, field.name).extend(entry for entry in value if getattr(entry, key) not in gone)
        elif isinstance(value, str):
            setattr(merged, field.name, value)
        else:
            getattr(merged, field.name).extend(value)
    for tensor in edited.initializer:
        if tensor.name not in visible:
            append_copy(merged.initializer, tensor)
    announced = {value.name for field in (merged.value_info, merged.output) for value in field}
    merged.value_info.extend(value for value in edited.value_info if value.name not in announced)


def _produced(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.output if name}


def _key(node: onnx.NodeProto) -> str:
    """The first output name, by which a node is recognised."""
    return next((name for name in node.output if name), "")


def _merge_nodes(
    original: onnx.GraphProto,
    edited: onnx.GraphProto,
    unread: frozenset[str],
    visible: frozenset[str],
) -> list[onnx.NodeProto]:
    """The nodes of `edited`; known ones keep all of `original` but inputs, outputs and lists of numbers."""
    known = {_key(node): node for node in original.node}
    nodes = []
    for node in edited.node:
        source = known.get(_key(node))
        if source is None or (source.op_type, source.domain) != (node.op_type, node.domain):
            nodes.append(node)
            continue
        restored = onnx.NodeProto()
        restored.CopyFrom(source)
        del restored.input[:], restored.output[:]
        restored.input.extend(node.input)
        restored.output.extend(node.output)
        now = {attribute.name: attribute for attribute in node.attribute}
        for attribute in restored.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH and attribute.name in now:
                merged = onnx.GraphProto()
                _merge(attribute.g, now[attribute.name].g, merged, unread, visible)
                attribute.g.CopyFrom(merged)
            elif attribute.type == onnx.AttributeProto.INTS and attribute.name in now:
                attribute.ints[:] = now[attribute.name].ints
        nodes.append(restored)
    return nodes
