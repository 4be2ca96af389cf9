"""Wscale of nodes with float32 weights, where others of the same operator have int8 weights.

One fallback body serves all nodes of an operator. Where any of them has a scale of its weights, the body
multiplies by it, so the others have one too: a shared element that is 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from spl_onnx.rewrite.graph.tensors import all_graphs
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, QSRMM, QSRMM_INPUTS, SRMM, SRMM_INPUTS

_INPUTS = {SRMM: SRMM_INPUTS, QSRMM: QSRMM_INPUTS}


def scale_all_weights(model: onnx.ModelProto) -> set[tuple[str, str]]:
    """Connect Wscale of every node whose operator needs it, in place.

    Returns:
        Domains and names of the operators that do.
    """
    nodes = list(_layers(model))
    scaled = {(node.domain, node.op_type) for node in nodes if has_weight_scale(node)}
    bare = [n for n in nodes if (n.domain, n.op_type) in scaled and not has_weight_scale(n)]
    if bare:
        one = _one(model.graph)
        for node in bare:
            missing = len(_INPUTS[node.op_type]) - 1 - len(node.input)
            node.input[:] = [*node.input[: len(_INPUTS[node.op_type]) - 1], *([""] * missing), one]
    return scaled


def has_weight_scale(node: onnx.NodeProto) -> bool:
    """Whether an SRMM or QSRMM node connects Wscale."""
    place = _INPUTS[node.op_type].index("Wscale")
    return len(node.input) > place and bool(node.input[place])


def _layers(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for graph in all_graphs(model.graph):
        for node in graph.node:
            if node.op_type in _INPUTS and node.domain in (DOMAIN_CONV, DOMAIN_GEMM):
                yield node


def _one(graph: onnx.GraphProto) -> str:
    """A new initializer `[1]` of 1."""
    taken = {name for inner in all_graphs(graph) for name in _names(inner)}
    name, number = "spl/no_scale", 1
    while name in taken:
        number += 1
        name = f"spl/no_scale_{number}"
    graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), name))
    return name


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from (*node.input, *node.output)
    for values in (graph.initializer, graph.input):
        yield from (value.name for value in values)
