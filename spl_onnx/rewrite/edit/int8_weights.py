"""Weights of layers in 8 bits stored as int8 with a scale for each output, in a quarter of the bytes.

Layers with precision `int8` give the same bits as before: the operators quantise float32 weights in the same
way when they pack them. Those with `int8_winograd` transform what the int8 weights stand for, and quantise
that once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from spl_onnx.rewrite.edit.finish import finish_model
from spl_onnx.rewrite.edit.weight_scales import (
    connect_weight_scale,
    has_weight_scale,
    layer_nodes,
)
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.fresh_names import FreshNames
from spl_onnx.rewrite.graph.tensors import all_graphs, reads
from spl_onnx.spec.attributes import DOMAIN_GEMM, IN_8_BITS, parse_precision, parse_transposed
from spl_onnx.spec.messages import array_of
from spl_onnx.spec.quantize import quantize_weights


def store_int8_weights(model: onnx.ModelProto) -> int:
    """Store float32 weights of layers in 8 bits as int8, in place.

    Weights that several nodes read, or that are no initializers of the main graph, stay.

    Args:
        model: A rewritten model.

    Returns:
        How many layers have got such weights.
    """
    read = Counter(name for graph in all_graphs(model.graph) for node in graph.node for name in reads(node))
    held = {tensor.name: tensor for tensor in model.graph.initializer if read[tensor.name] == 1}
    names, count = FreshNames(model.graph), 0
    for node in _layers_in_8_bits(model):
        if (tensor := held.get(node.input[1])) is not None and _store(model.graph, node, tensor, names):
            count += 1
    if count:
        finish_model(model, model)
    return count


def _layers_in_8_bits(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for node in layer_nodes(model):
        if parse_precision(Attributes.of(node).values) in IN_8_BITS and not has_weight_scale(node):
            yield node


def _store(graph: onnx.GraphProto, node: onnx.NodeProto, tensor: TensorProto, names: FreshNames) -> bool:
    """Quantise an initializer, the weights of a node; False where it holds no float32 values."""
    w = array_of(tensor)
    if w is None or w.dtype != np.float32:
        return False
    turned = node.domain == DOMAIN_GEMM and parse_transposed(Attributes.of(node).values)
    levels, scale = quantize_weights(w.T if turned else w)
    stored = np.ascontiguousarray(levels.T if turned else levels)
    tensor.CopyFrom(numpy_helper.from_array(stored, tensor.name))
    name = names.fresh(f"{tensor.name}scale")
    graph.initializer.append(numpy_helper.from_array(scale, name))
    connect_weight_scale(node, name)
    return True
