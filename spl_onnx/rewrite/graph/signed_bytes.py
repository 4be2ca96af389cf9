"""Tensors of signed bytes as tensors of unsigned ones, and back.

A byte q with zero point z stands for what q + 128 with zero point z + 128 stands for. Where QuantizeLinear
makes the bytes and nothing but DequantizeLinear reads them, only the zero points change. Operators on bytes
take unsigned ones; what an edit leaves alone is what it was afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from spl_onnx.rewrite.graph.fresh_names import FreshNames
from spl_onnx.rewrite.graph.qoperators import drop_unread
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.messages import array_of


@dataclass(frozen=True)
class Shifted:
    """A tensor whose bytes are unsigned now.

    Attributes:
        tensor: Its name.
        zeros: Zero points before, by the first output of the node that reads them.
        zero: The zero point now.
    """

    tensor: str
    zeros: dict[str, str]
    zero: str


def shift(model: onnx.ModelProto, may_change: bool) -> tuple[onnx.ModelProto, list[Shifted]]:
    """A copy of `model` whose main graph has unsigned bytes; itself where there is nothing to do.

    Args:
        model: Not changed, unless it may be.
        may_change: Whether it belongs to the caller.

    Returns:
        The model and its tensors that changed.
    """
    users = _users(model.graph)
    if not users:
        return model, []
    if not may_change:
        made = onnx.ModelProto()
        made.CopyFrom(model)
        model, users = made, _users(made.graph)
    return model, _shift(model.graph, users)


def unshift(graph: onnx.GraphProto, shifted: list[Shifted]) -> None:
    """Give signed bytes back, in place, to the tensors of which no user changed."""
    users = defaultdict(list)
    for node in graph.node:
        for name in (*node.output, *reads(node)):
            users[name].append(node)
    for change in shifted:
        found = {node.output[0]: node for node in users[change.tensor]}
        if found.keys() == change.zeros.keys() and all(_is_code(node) for node in found.values()):
            for name, node in found.items():
                node.input[2] = change.zeros[name]
    drop_unread(graph, {name for change in shifted for name in (change.zero, *change.zeros.values())})


def _users(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Writer and readers of the tensors that can be shifted, by name."""
    zeros = {t.name: t for t in graph.initializer if t.data_type == TensorProto.INT8}
    zeros = {name: t for name, t in zeros.items() if (values := array_of(t)) is not None and values.size == 1}
    fixed = {value.name for value in (*graph.input, *graph.output)}
    users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in {*node.output, *reads(node)}:
            users[name].append(node)
    written = [n.output[0] for n in graph.node if n.op_type == "QuantizeLinear" and _has_zero(n, zeros)]
    return {
        name: users[name]
        for name in written
        if name not in fixed
        and all(_is_code(node) and _has_zero(node, zeros) for node in users[name])
        and len({int(np.asarray(array_of(zeros[n.input[2]])).reshape(-1)[0]) for n in users[name]}) == 1
    }


def _is_code(node: onnx.NodeProto) -> bool:
    return node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.domain in ("", "ai.onnx")


def _has_zero(node: onnx.NodeProto, zeros: dict[str, TensorProto]) -> bool:
    return len(node.input) == 3 and node.input[2] in zeros


def _shift(graph: onnx.GraphProto, users: dict[str, list[onnx.NodeProto]]) -> list[Shifted]:
    zeros = {tensor.name: tensor for tensor in graph.initializer}
    names, made, shifted = FreshNames(graph), dict[int, str](), []
    for tensor, nodes in users.items():
        before = {node.output[0]: node.input[2] for node in nodes}
        zero = int(np.asarray(array_of(zeros[nodes[0].input[2]])).reshape(-1)[0]) + 128
        if zero not in made:
            made[zero] = names.fresh(f"spl/unsigned_zero/{zero}")
            graph.initializer.append(numpy_helper.from_array(np.array(zero, np.uint8), made[zero]))
        for node in nodes:
            node.input[2] = made[zero]
        shifted.append(Shifted(tensor, before, made[zero]))
    told = {value.name: value for value in graph.value_info}
    for change in shifted:
        if change.tensor in told:
            told[change.tensor].type.tensor_type.elem_type = TensorProto.UINT8
    return shifted
