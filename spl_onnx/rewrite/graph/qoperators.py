"""Operators on bytes (QLinearConv and others) written as DequantizeLinear, layer, QuantizeLinear, and back.

Both say the same. Rules know the second form only, so a model under edit has it; what the edit leaves alone
is what it was afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.fresh_names import FreshNames
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.messages import array_of

_MICROSOFT = "com.microsoft"
#: From here on DequantizeLinear knows scales of several outputs.
OLDEST_OPSET = 13


@dataclass(frozen=True)
class Expansion:
    """A node and what stands for it.

    Attributes:
        original: The node.
        nodes: Those that stand for it, in order.
        constants: Names of initializers that they alone read.
    """

    original: onnx.NodeProto
    nodes: list[onnx.NodeProto]
    constants: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Form:
    """How an operator is written in the other form.

    Attributes:
        op: The layer.
        operands: Places of the operands; scale and zero point follow each.
        result: Place of the scale of the result; its zero point follows.
        bias: Place of a bias of whole numbers.
        attributes: Those of the layer.
        axis: Along which outputs lie in the second operand, where it is weights.
    """

    op: str
    operands: tuple[int, ...]
    result: int
    bias: int | None = None
    attributes: frozenset[str] | None = None
    axis: Callable[[Attributes], int] | None = None


def _form(node: onnx.NodeProto) -> _Form | None:
    """How a node is written in the other form; None where it cannot be."""
    given = Attributes.of(node)
    if node.op_type == "QLinearConv" and node.domain in ("", "ai.onnx"):
        return _Form("Conv", (0, 3), 6, 8, axis=lambda _: 0)
    if node.op_type == "QLinearMatMul" and node.domain in ("", "ai.onnx"):
        return _Form("MatMul", (0, 3), 6, axis=lambda _: 1)
    if node.domain != _MICROSOFT:
        return None
    if node.op_type == "QGemm" and len(node.input) == 9 and given.values.get("alpha", 1.0) == 1.0:
        return _Form("Gemm", (0, 3), 7, 6, axis=lambda g: 0 if g.values.get("transB", 0) else 1)
    if node.op_type == "QLinearAdd":
        return _Form("Add", (0, 3), 6)
    if node.op_type == "QLinearConcat":
        return _Form("Concat", tuple(range(2, len(node.input), 3)), 0)
    if node.op_type == "QLinearGlobalAveragePool" and not given.values.get("channels_last", 0):
        return _Form("GlobalAveragePool", (0,), 3, attributes=frozenset())
    return None


def expand(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Expansion]]:
    """A copy of `model` whose main graph has the other form; itself where there is nothing to do.

    Args:
        model: Not changed.

    Returns:
        The model, and what stands for what.
    """
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    if opset < OLDEST_OPSET or not any(_form(node) for node in model.graph.node):
        return model, []
    made = onnx.ModelProto()
    made.CopyFrom(model)
    expansions = _Expander(made.graph).expand()
    return made, expansions


def restore(graph: onnx.GraphProto, expansions: list[Expansion]) -> None:
    """Put back, in place, every node of which nothing changed."""
    written = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in reads(node):
            readers[name] = readers.get(name, 0) + 1
    back: dict[str, onnx.NodeProto] = {}
    gone: set[str] = set()
    for expansion in expansions:
        if all(_is_left(node, written.get(node.output[0])) for node in expansion.nodes) and all(
            readers.get(node.output[0], 0) == 1 for node in expansion.nodes[:-1]
        ):
            gone |= {node.output[0] for node in expansion.nodes[:-1]}
            back[expansion.nodes[-1].output[0]] = expansion.original
    nodes = [back.get(n.output[0], n) if n.output else n for n in graph.node if gone.isdisjoint(n.output)]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    drop_unread(graph, {name for expansion in expansions for name in expansion.constants})


def drop_unread(graph: onnx.GraphProto, names: set[str]) -> None:
    """Remove those of some initializers that nobody reads."""
    read = {name for node in graph.node for name in reads(node)} | {value.name for value in graph.output}
    for index in reversed(range(len(graph.initializer))):
        name = graph.initializer[index].name
        if name in names and name not in read:
            del graph.initializer[index]


def _is_left(node: onnx.NodeProto, now: onnx.NodeProto | None) -> bool:
    """Whether `now` is `node` as it was."""
    return now is not None and now.op_type == node.op_type and now.input == node.input


class _Expander:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._names = FreshNames(graph)
        #: Scale and zero point of tensors of bytes.
        self._codes: dict[str, list[str]] = {}

    def expand(self) -> list[Expansion]:
        found: list[Expansion] = []
        nodes: list[onnx.NodeProto] = []
        for node in self._graph.node:
            made = self._expansion(node)
            if made is not None:
                found.append(made)
            nodes += [node] if made is None else made.nodes
            self._note_code(node, made)
        kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self._graph.node[:]
        self._graph.node.extend(kept)
        return found

    def _note_code(self, node: onnx.NodeProto, made: Expansion | None) -> None:
        last = node if made is None else made.nodes[-1]
        if last.op_type == "QuantizeLinear" and len(last.input) == 3:
            self._codes[last.output[0]] = list(last.input[1:])

    def _expansion(self, node: onnx.NodeProto) -> Expansion | None:
        if node.op_type == "MaxPool" and len(node.output) == 1 and node.input[0] in self._codes:
            code = self._codes[node.input[0]]
            made = Expansion(onnx.NodeProto.FromString(node.SerializeToString()), [])
            return self._finish(made, "MaxPool", [self._dequantised(made, node, node.input[0], code)], code)
        form = _form(node)
        if form is None or len(node.input) <= form.result + 1 or not all(self._operands(node, form)):
            return None
        made = Expansion(onnx.NodeProto.FromString(node.SerializeToString()), [])
        inputs = []
        for number, place in enumerate(form.operands):
            x, *code = node.input[place : place + 3]
            axis = form.axis(Attributes.of(node)) if form.axis is not None and number == 1 else None
            inputs.append(self._dequantised(made, node, x, code, axis))
        if form.bias is not None and len(node.input) > form.bias and node.input[form.bias]:
            scale = self._bias_scale(made, node)
            if scale is None:
                return None
            inputs.append(self._dequantised(made, node, node.input[form.bias], [scale], 0))
        return self._finish(
            made, form.op, inputs, list(node.input[form.result : form.result + 2]), form.attributes
        )

    @staticmethod
    def _operands(node: onnx.NodeProto, form: _Form) -> Iterator[str]:
        """All inputs that must be there."""
        for place in (*form.operands, form.result):
            yield node.input[place]

    def _dequantised(
        self, made: Expansion, node: onnx.NodeProto, x: str, code: list[str], axis: int | None = None
    ) -> str:
        """The floats of bytes, by a node of its own."""
        scale = self._constants.get(code[0])
        y = self._names.fresh(f"{node.output[0]}/dequantized")
        dequantize = helper.make_node("DequantizeLinear", [x, *code], [y], f"{y}_node")
        if axis is not None and scale is not None and len(scale.dims):
            dequantize.attribute.append(helper.make_attribute("axis", axis))
        made.nodes.append(dequantize)
        return y

    def _bias_scale(self, made: Expansion, node: onnx.NodeProto) -> str | None:
        """A new constant: the product of the scales of input and weights, which is that of the bias."""
        scales = [self._constants.get(node.input[place]) for place in (1, 4)]
        values = [None if tensor is None else array_of(tensor) for tensor in scales]
        if any(value is None or value.dtype != np.float32 for value in values):
            return None
        name = self._names.fresh(f"{node.output[0]}/bias_scale")
        product = np.float32(1) * values[0].reshape(-1) * values[1]  # type: ignore[union-attr, operator]
        tensor = numpy_helper.from_array(np.asarray(product, np.float32), name)
        self._graph.initializer.append(tensor)
        self._constants[name] = tensor
        made.constants.append(name)
        return name

    def _finish(
        self,
        made: Expansion,
        op: str,
        inputs: list[str],
        code: list[str],
        attributes: frozenset[str] | None = None,
    ) -> Expansion:
        """The layer, and the bytes of what it gives, which have the name of the original's output."""
        node = made.original
        y = self._names.fresh(f"{node.output[0]}/layer")
        layer = helper.make_node(op, inputs, [y], node.name)
        wanted = (a for a in node.attribute if attributes is None or a.name in attributes)
        layer.attribute.extend(wanted)
        made.nodes.append(layer)
        name = self._names.fresh(f"{node.output[0]}/quantize")
        made.nodes.append(helper.make_node("QuantizeLinear", [y, *code], list(node.output), name))
        return made
