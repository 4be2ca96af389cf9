"""Damage to models: bytes that change, files that are cut, and structure that no exporter writes.

Everything follows from a seed, so a finding is a base, a kind and a number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

Damage = Callable[[random.Random, ModelProto], None]

#: Numbers at which something may turn over.
_EDGES = (0, 1, 2, 3, 7, -1, -2, 255, 1 << 16, 10**6, (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 32, 1 << 62)
_LIMITS = (*_EDGES, (1 << 63) - 1, -(1 << 63))
_NAMES = ("", "nowhere", "\x1b[31mred", "\u202eback", "[bold]", "<b>", "a\nb", "%s%n", "../up", "n" * 70_000)
_TYPES = (
    "Conv",
    "Relu",
    "Clip",
    "MaxPool",
    "Gemm",
    "MatMul",
    "Add",
    "LRN",
    "Concat",
    "Pad",
    "Slice",
    "Squeeze",
)
_OTHERS = (
    "BatchNormalization",
    "Dropout",
    "Identity",
    "Constant",
    "If",
    "Loop",
    "SRMM",
    "SPLPredict",
    "Nope",
    "",
)
_DOMAINS = ("ai.onnx", "ai.spl.conv", "ai.spl.gemm", "com.microsoft", "elsewhere")
_PLACES = (
    "../up",
    "/etc/hostname",
    "/dev/zero",
    "",
    ".",
    "absent",
    "a/../b",
    "c:\\x",
    "nul\x00",
    "model.onnx",
)


def damaged(content: bytes, kind: str, seed: int) -> bytes:
    """The file `content` with damage of `kind` ("bytes", "cut" or "structure") number `seed`."""
    return KINDS[kind](random.Random(f"{kind} {seed}"), content)


def _bytes(r: random.Random, content: bytes) -> bytes:
    """A few bytes changed, removed or added, mostly in names and fields and seldom in weights."""
    data = bytearray(content)
    places = _outside_weights(content)
    for _ in range(r.choice((1, 1, 1, 2, 3, 8, 40))):
        start, end = r.choice(places) if r.random() < 0.9 else (0, len(data))
        place = min(r.randrange(start, end), len(data) - 1)
        action = r.random()
        if action < 0.5:
            data[place] ^= 1 << r.randrange(8)
        elif action < 0.8:
            data[place] = r.choice((0, 1, 0x7F, 0x80, 0xFF, r.randrange(256)))
        elif action < 0.9:
            del data[place : place + r.choice((1, 2, 9))]
        else:
            data[place:place] = r.randbytes(r.choice((1, 2, 9)))
    return bytes(data)


def _outside_weights(content: bytes) -> list[tuple[int, int]]:
    """Stretches of a model file that hold no weights."""
    model = onnx.load_from_string(content)
    taken = sorted(
        (content.find(tensor.raw_data), len(tensor.raw_data))
        for tensor in model.graph.initializer
        if len(tensor.raw_data) > 64
    )
    places, start = [], 0
    for place, length in [*taken, (len(content), 0)]:
        if place > start:
            places.append((start, place))
        start = max(start, place + length)
    return places


def _cut(r: random.Random, content: bytes) -> bytes:
    """The beginning of the file, of any length; short and nearly whole ones are as likely as others."""
    length = len(content)
    near = r.choice((1, 2, 3, 5, 17, 100, 1000))
    return content[
        : r.choice((r.randrange(length), int(length ** r.random()), min(near, length), length - near))
    ]


def _structure(r: random.Random, content: bytes) -> bytes:
    """One to three changes of the graph that still make a readable file."""
    model = onnx.load_from_string(content)
    for _ in range(r.choice((1, 1, 1, 2, 3))):
        try:
            r.choice(_STRUCTURE)(r, model)
        except (IndexError, ValueError, TypeError, DecodeError):
            continue  # nothing there to damage, or a value the file format itself refuses
    return bytes(model.SerializeToString())


KINDS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bytes": _bytes,
    "cut": _cut,
    "structure": _structure,
}


def _graph(r: random.Random, model: ModelProto) -> GraphProto:
    """The main graph, or sometimes one inside it."""
    inner = [a.g for node in model.graph.node for a in node.attribute if a.type == AttributeProto.GRAPH]
    return r.choice(inner) if inner and r.random() < 0.2 else model.graph


def _node(r: random.Random, model: ModelProto) -> onnx.NodeProto:
    return r.choice(_graph(r, model).node)


def _attribute(r: random.Random, model: ModelProto) -> AttributeProto:
    graph = _graph(r, model)
    return r.choice([attribute for node in graph.node for attribute in node.attribute])


def _values(model: ModelProto) -> list[onnx.ValueInfoProto]:
    return [*model.graph.input, *model.graph.output, *model.graph.value_info]


def _attribute_value(r: random.Random, model: ModelProto) -> None:
    attribute = _attribute(r, model)
    attribute.i = r.choice(_LIMITS)
    attribute.f = r.choice((0.0, -1.0, 1e38, float("nan"), float("inf"), -float("inf")))
    attribute.s = r.choice((b"", b"\xff\xfe", b"SAME_LOWER", b"x" * 9999))
    if attribute.ints:
        attribute.ints[r.randrange(len(attribute.ints))] = r.choice(_LIMITS)


def _attribute_length(r: random.Random, model: ModelProto) -> None:
    attribute = _attribute(r, model)
    attribute.ints[:] = [r.choice(_EDGES) for _ in range(r.choice((0, 1, 2, 3, 4, 5, 9)))]


def _attribute_type(r: random.Random, model: ModelProto) -> None:
    _attribute(r, model).type = r.randrange(0, 16)


def _attribute_gone(r: random.Random, model: ModelProto) -> None:
    node = _node(r, model)
    node.attribute.pop(r.randrange(len(node.attribute)))


def _attribute_new(r: random.Random, model: ModelProto) -> None:
    attribute = _node(r, model).attribute.add(name=r.choice(("pads", "axis", "alpha", "body", "perm", "x")))
    attribute.type = r.randrange(1, 15)
    attribute.ref_attr_name = r.choice(("", "", "", "outer"))
    if attribute.type == AttributeProto.GRAPH and r.random() < 0.5:
        attribute.g.CopyFrom(GraphProto(node=model.graph.node[:2]))


def _tensor_dims(r: random.Random, model: ModelProto) -> None:
    dims = r.choice(_graph(r, model).initializer).dims
    action = r.randrange(3)
    if action == 0:
        dims[r.randrange(len(dims))] = r.choice(_LIMITS)
    elif action == 1:
        dims.append(r.choice(_LIMITS))
    else:
        dims.pop()


def _tensor_type(r: random.Random, model: ModelProto) -> None:
    r.choice(model.graph.initializer).data_type = r.randrange(0, 30)


def _tensor_data(r: random.Random, model: ModelProto) -> None:
    tensor = r.choice(model.graph.initializer)
    action = r.randrange(4)
    if action == 0:
        tensor.raw_data = tensor.raw_data[: r.randrange(len(tensor.raw_data) + 1)]
    elif action == 1:
        tensor.ClearField("raw_data")
        tensor.float_data.extend([0.5] * r.choice((0, 1, 7)))
    elif action == 2:
        tensor.string_data.extend([b"\xff", b"text"])
    else:
        tensor.int64_data.extend([r.choice(_LIMITS)])


def _tensor_name(r: random.Random, model: ModelProto) -> None:
    graph = model.graph
    others = (r.choice(graph.initializer).name, graph.input[0].name, r.choice(graph.node).output[0], "")
    r.choice(graph.initializer).name = r.choice(others)


def _tensor_elsewhere(r: random.Random, model: ModelProto) -> None:
    tensor = r.choice(model.graph.initializer)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=r.choice(_PLACES))
    key, value = r.choice(("offset", "length", "checksum")), r.choice(("-1", "x", "0", str(1 << 62), ""))
    tensor.external_data.add(key=key, value=value)
    if r.random() < 0.5:
        tensor.ClearField("raw_data")


def _input(r: random.Random, model: ModelProto) -> None:
    node = _node(r, model)
    names = ("", "nowhere", model.graph.node[-1].output[0], node.output[0], model.graph.output[0].name)
    action = r.randrange(3)
    if action == 0:
        node.input[r.randrange(len(node.input))] = r.choice(names)
    elif action == 1:
        node.input.append(r.choice(names))
    else:
        node.input.pop(r.randrange(len(node.input)))


def _output(r: random.Random, model: ModelProto) -> None:
    node = _node(r, model)
    action = r.randrange(3)
    if action == 0:
        node.output[0] = r.choice(
            ("", "other", r.choice(model.graph.node).output[0], model.graph.input[0].name)
        )
    elif action == 1:
        node.output.append(r.choice(("", "more", node.output[0])))
    else:
        node.output.pop()


def _operator(r: random.Random, model: ModelProto) -> None:
    _node(r, model).op_type = r.choice((*_TYPES, *_OTHERS))


def _domain(r: random.Random, model: ModelProto) -> None:
    _node(r, model).domain = r.choice(_DOMAINS)


def _nodes(r: random.Random, model: ModelProto) -> None:
    nodes = _graph(r, model).node
    action = r.randrange(4)
    if action == 0:
        nodes.add().CopyFrom(r.choice(nodes))
    elif action == 1:
        nodes.pop(r.randrange(len(nodes)))
    elif action == 2:
        first = nodes.pop(0)
        nodes.append(first)
    else:
        nodes.add()


def _node_name(r: random.Random, model: ModelProto) -> None:
    node = _node(r, model)
    wanted = r.choice((*_NAMES, model.graph.node[0].name))
    if r.random() < 0.5:
        node.name = wanted
        return
    old = node.output[0]
    for other in model.graph.node:
        for names in (other.input, other.output):
            names[:] = [wanted if name == old else name for name in names]


def _dimension(r: random.Random, model: ModelProto) -> None:
    dims = r.choice(_values(model)).type.tensor_type.shape.dim
    action = r.randrange(4)
    if action == 0:
        r.choice(dims).dim_value = r.choice(_LIMITS)
    elif action == 1:
        r.choice(dims).dim_param = r.choice(("", "N", "\x00", "<b>", "1"))
    elif action == 2:
        dims.add()
    else:
        dims.pop()


def _value_type(r: random.Random, model: ModelProto) -> None:
    value = r.choice(_values(model))
    action = r.randrange(5)
    if action == 0:
        value.type.tensor_type.elem_type = r.randrange(0, 30)
    elif action == 1:
        value.type.tensor_type.ClearField("shape")
    elif action == 2:
        value.type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    elif action == 3:
        value.type.optional_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    else:
        value.ClearField("type")


def _untrue_value_info(r: random.Random, model: ModelProto) -> None:
    name = r.choice([name for node in model.graph.node for name in node.output if name])
    dims: Sequence[int] = [r.choice(_LIMITS) for _ in range(r.choice((0, 1, 3, 4, 4, 5)))]
    kind = r.choice((TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING))
    model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, kind, dims))


def _version(r: random.Random, model: ModelProto) -> None:
    if r.random() < 0.5:
        model.opset_import[0].version = r.choice((0, -1, 1, 5, 6, 7, 9, 10, 11, 12, 13, 18, 21, 99, 1 << 62))
    else:
        model.ir_version = r.choice((0, -1, 1, 3, 4, 7, 99, 1 << 40))


def _empty_part(r: random.Random, model: ModelProto) -> None:
    graph = model.graph
    parts = (graph.input, graph.output, graph.initializer, graph.value_info, graph.sparse_initializer)
    r.choice((*parts, model.opset_import, model.functions, model.metadata_props)).add()


_STRUCTURE: tuple[Damage, ...] = (
    *(_attribute_value, _attribute_value, _attribute_length, _attribute_length, _attribute_type),
    *(
        _attribute_gone,
        _attribute_new,
        _tensor_dims,
        _tensor_type,
        _tensor_data,
        _tensor_name,
        _tensor_elsewhere,
    ),
    *(_input, _input, _output, _operator, _operator, _domain, _nodes, _node_name, _dimension, _dimension),
    *(_value_type, _untrue_value_info, _version, _empty_part),
)
