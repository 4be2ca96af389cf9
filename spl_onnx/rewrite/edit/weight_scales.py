"""The input Wscale of SRMM and QSRMM: of int8 weights, and of others beside them.

One fallback body serves all nodes of an operator. Where any of them has a scale of its weights, the body
multiplies by it, so nodes with float32 weights have one too: a shared element that is 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from spl_onnx.rewrite.graph.fresh_names import FreshNames
from spl_onnx.rewrite.graph.tensors import all_graphs
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, QSRMM, QSRMM_INPUTS, SRMM, SRMM_INPUTS

_INPUTS = {SRMM: SRMM_INPUTS, QSRMM: QSRMM_INPUTS}


def scale_all_weights(model: onnx.ModelProto) -> set[tuple[str, str]]:
    """Connect Wscale of every node whose operator needs it, in place.

    Returns:
        Domains and names of the operators that do.
    """
    nodes = list(layer_nodes(model))
    scaled = {(node.domain, node.op_type) for node in nodes if has_weight_scale(node)}
    bare = [n for n in nodes if (n.domain, n.op_type) in scaled and not has_weight_scale(n)]
    if bare:
        one = FreshNames(model.graph).fresh("spl/no_scale")
        model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), one))
        for node in bare:
            connect_weight_scale(node, one)
    return scaled


def layer_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """SRMM and QSRMM nodes of all graphs of a model."""
    for graph in all_graphs(model.graph):
        for node in graph.node:
            if node.op_type in _INPUTS and node.domain in (DOMAIN_CONV, DOMAIN_GEMM):
                yield node


def has_weight_scale(node: onnx.NodeProto) -> bool:
    """Whether an SRMM or QSRMM node connects Wscale."""
    place = _INPUTS[node.op_type].index("Wscale")
    return len(node.input) > place and bool(node.input[place])


def connect_weight_scale(node: onnx.NodeProto, scale: str) -> None:
    """Let an SRMM or QSRMM node read a tensor as Wscale."""
    place = _INPUTS[node.op_type].index("Wscale")
    node.input[:] = [*node.input[:place], *([""] * (place - len(node.input))), scale]
