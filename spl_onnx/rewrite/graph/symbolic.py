"""Shapes of all tensors, with dynamic dimensions as symbols that can be compared.

ONNX shape inference gives every dynamic output of a Conv or MaxPool a name of its own, so it cannot tell that
the two branches of a residual block have equal sizes. Here such a dimension is an expression of the input
dimension and the window ("conv(H,3,2,1,1,1)"): equal expressions are equal sizes. A window that keeps every
size (same padding, stride 1) keeps the symbol.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import onnx

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.tensors import copy_for_inference, graph_path
from spl_onnx.spec.messages import declared_shape

#: A dimension: a number, a symbol, or None when nothing is known.
Dim = int | str | None
Shape = tuple[Dim, ...]
ShapeTable = dict[tuple[str, str], Shape]

_SAME_SHAPE = frozenset(
    [
        "Relu",
        "Clip",
        "LeakyRelu",
        "PRelu",
        "Sigmoid",
        "Tanh",
        "HardSigmoid",
        "HardSwish",
        "Elu",
        "Selu",
        "Softplus",
        "Softsign",
        "Gelu",
        "Mish",
        "Erf",
        "Exp",
        "Log",
        "Sqrt",
        "Abs",
        "Neg",
        "Identity",
        "Dropout",
        "BatchNormalization",
        "InstanceNormalization",
        "LRN",
        "Softmax",
        "LogSoftmax",
        "Cast",
        "QuantizeLinear",
        "DequantizeLinear",
    ]
)
_BROADCAST = frozenset(("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"))


def infer_shapes(model: onnx.ModelProto) -> ShapeTable:
    """Shapes by (path of the graph, tensor name). Tensors of unknown rank are missing.

    A model that does not pass shape inference gives only what its own value_info says.
    """
    light = copy_for_inference(model)
    # A failure of the inference leaves us with fewer shapes, never with wrong ones.
    with contextlib.suppress(Exception):
        light = onnx.shape_inference.infer_shapes(light, strict_mode=False, data_prop=True)
    table: ShapeTable = {}
    _walk(light.graph, "", {}, table)
    return table


def _walk(graph: onnx.GraphProto, path: str, outer: dict[str, Shape], table: ShapeTable) -> None:
    """Fill `table` for `graph` and the graphs inside it; `outer`: shapes visible from outside."""
    shapes = dict(outer)
    shapes.update((t.name, tuple(t.dims)) for t in graph.initializer if all(dim >= 0 for dim in t.dims))
    announced: dict[str, Shape] = {}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        shape = declared_shape(value)
        if shape is not None:
            announced[value.name] = shape
    shapes.update((value.name, announced[value.name]) for value in graph.input if value.name in announced)
    for index, node in enumerate(graph.node):
        for name, derived in _node_shapes(node, shapes):
            announced_shape = announced.get(name)
            shapes[name] = _combine(announced_shape, derived)
        for name in node.output:
            if name in announced and name not in shapes:
                shapes[name] = announced[name]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _walk(attribute.g, graph_path(path, index, node, attribute.name), shapes, table)
    table.update(((path, name), shape) for name, shape in shapes.items() if outer.get(name) is not shape)


def _combine(announced: Shape | None, derived: Shape) -> Shape:
    """Numbers win over symbols, derived symbols over announced ones (which may be arbitrary new names)."""
    if announced is None or len(announced) != len(derived):
        return derived
    return tuple(
        a if isinstance(a, int) and not isinstance(d, int) else (a if d is None else d)
        for a, d in zip(announced, derived, strict=True)
    )


def _node_shapes(node: onnx.NodeProto, shapes: dict[str, Shape]) -> Iterator[tuple[str, Shape]]:
    """First output of `node` with its shape, where the operator is one of those that keep symbols."""
    if node.domain not in ("", "ai.onnx") or not node.input or not node.output or not node.output[0]:
        return
    x = shapes.get(node.input[0])
    if node.op_type in _SAME_SHAPE and x is not None:
        yield node.output[0], x
    elif node.op_type in _BROADCAST and all(name in shapes for name in node.input):
        shape = broadcast([shapes[name] for name in node.input])
        if shape is not None:
            yield node.output[0], shape
    elif node.op_type in ("Conv", "MaxPool", "AveragePool") and x is not None and len(x) > 2:
        # A window that cannot be read has an output of unknown size.
        with contextlib.suppress(ModelError):
            yield node.output[0], _window_shape(node, x, shapes)


def broadcast(shapes: list[Shape]) -> Shape | None:
    """The common shape, or None where it is not certain."""
    rank = max(len(shape) for shape in shapes)
    result: list[Dim] = []
    for position in range(rank):
        dims = {s[position - rank + len(s)] for s in shapes if position - rank + len(s) >= 0} - {1}
        if len(dims) > 1 or None in dims:
            numbers = {dim for dim in dims if isinstance(dim, int)}
            if len(numbers) != 1:
                return None
            dims = set(numbers)  # the number is not 1, so the symbol is that number or 1
        result.append(dims.pop() if dims else 1)
    return tuple(result)


def _window_shape(node: onnx.NodeProto, x: Shape, shapes: dict[str, Shape]) -> Shape:
    """Output of a convolution or pooling.

    Raises:
        ModelError: Its attributes or weights do not describe a window over `x`.
    """
    attributes = Attributes.of(node)
    spatial = len(x) - 2
    channels: Dim = x[1]
    default = None
    if node.op_type == "Conv":
        w = shapes.get(node.input[1]) if len(node.input) > 1 else None
        if w is None or len(w) != len(x):
            raise ModelError(f"{attributes.where}: weights have an unknown shape or another rank")
        channels = w[0]
        default = [dim for dim in w[2:] if isinstance(dim, int)]
    kernel = attributes.integers("kernel_shape", spatial, default, least=1)
    strides = attributes.integers("strides", spatial, [1] * spatial, least=1)
    dilations = attributes.integers("dilations", spatial, [1] * spatial, least=1)
    pads = attributes.integers("pads", 2 * spatial, [0] * (2 * spatial))
    auto = attributes.word("auto_pad", "NOTSET")
    ceil = attributes.integer("ceil_mode", 0)
    dims = [
        _window_dim(x[2 + i], kernel[i], strides[i], pads[i], pads[i + spatial], dilations[i], ceil, auto)
        for i in range(spatial)
    ]
    return (x[0], channels, *dims)


def _window_dim(
    size: Dim, kernel: int, stride: int, begin: int, end: int, dilation: int, ceil: int, auto: str
) -> Dim:
    """One spatial dimension behind a window."""
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        if stride == 1:
            return size
        return -(-size // stride) if isinstance(size, int) else f"same({size},{stride})" if size else None
    if auto == "VALID":
        begin = end = 0
    room = begin + end - (kernel - 1) * dilation - 1
    if stride == 1 and room == -1:
        return size
    if isinstance(size, int):
        if size + room < 0:
            return None
        count = (-(-(size + room) // stride) if ceil else (size + room) // stride) + 1
        return count - 1 if ceil and (count - 1) * stride >= size + begin else count
    # Equal inputs, offsets and strides give equal sizes; the leading padding matters in ceil mode only.
    return f"win({size},{room},{stride}{f',{begin}' if ceil else ''})" if size else None
