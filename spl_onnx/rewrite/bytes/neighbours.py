"""Operators beside layers of bytes in a quantised model: those that have a form on bytes get it.

A normalisation between DequantizeLinear and QuantizeLinear becomes QChannelsLastLRN, a mean behind
DequantizeLinear QChannelsLastGlobalAveragePool, and the input of the model ChannelsLastQuantize where it is
rounded and turned.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import TensorProto, helper

from spl_onnx.rewrite.bytes.names import Constants
from spl_onnx.rewrite.bytes.norms import suits_bytes
from spl_onnx.rewrite.bytes.sites import CodePair
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.channels_last import TO_NHWC
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    GLOBAL_AVERAGE,
    Q_GLOBAL_AVERAGE,
    Q_LRN,
    QUANTIZE,
)
from spl_onnx.spec.messages import array_of

_STANDARD = ("", "ai.onnx")


def take_bytes(graph: onnx.GraphProto) -> int:
    """Give the neighbours of layers of bytes their form on bytes, in place.

    Args:
        graph: Main graph of a rewritten model of opset 12 or newer.

    Returns:
        How many operators take bytes now.
    """
    return _Neighbours(graph).edit()


class _Neighbours:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph, self._constants = graph, Constants(graph)
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._inputs = {value.name for value in graph.input}
        self._writers = {name: node for node in graph.node for name in node.output}
        self._uses = Counter(name for node in graph.node for name in reads(node))
        self._uses.update(value.name for value in graph.output)
        self._readers = {name: node for node in graph.node for name in reads(node)}
        #: What takes the place of a node, by its first output; None where nothing does.
        self._instead: dict[str, onnx.NodeProto | None] = {}

    def edit(self) -> int:
        found = sum(
            self._normalisation(node) or self._mean(node) or self._image(node) for node in self._graph.node
        )
        if found:
            nodes = [self._instead.get(n.output[0], n) if n.output else n for n in self._graph.node]
            self._keep([node for node in nodes if node is not None])
            self._constants.drop_unread()
        return found

    def _normalisation(self, node: onnx.NodeProto) -> bool:
        if not suits_bytes(node):
            return False
        x, quantize = self._bytes(node.input[0]), self._only_reader(node.output[0], "QuantizeLinear")
        y = None if quantize is None else self._code(quantize)
        if x is None or quantize is None or y is None:
            return False
        inputs = [x[0], self._constants.pair(x[1]), self._constants.pair(y)]
        made = helper.make_node(Q_LRN, inputs, list(quantize.output), node.name, domain=DOMAIN_CONV)
        made.attribute.extend(node.attribute)
        self._instead |= {node.output[0]: None, quantize.output[0]: made}
        return True

    def _mean(self, node: onnx.NodeProto) -> bool:
        x = (
            self._bytes(node.input[0])
            if node.op_type == GLOBAL_AVERAGE and node.domain == DOMAIN_CONV
            else None
        )
        if x is None:
            return False
        inputs = [x[0], self._constants.pair(x[1])]
        self._instead[node.output[0]] = helper.make_node(
            Q_GLOBAL_AVERAGE, inputs, list(node.output), node.name, domain=DOMAIN_CONV
        )
        return True

    def _image(self, node: onnx.NodeProto) -> bool:
        if node.op_type != "QuantizeLinear" or node.domain not in _STANDARD:
            return False
        turn, code = self._only_reader(node.output[0], "Transpose"), self._code(node)
        if node.input[0] not in self._inputs or turn is None or code is None:
            return False
        if Attributes.of(turn).integers("perm", default=()) != TO_NHWC:
            return False
        inputs = [node.input[0], self._constants.pair(code)]
        made = helper.make_node(QUANTIZE, inputs, list(turn.output), node.name, domain=DOMAIN_CONV)
        self._instead |= {node.output[0]: None, turn.output[0]: made}
        return True

    def _bytes(self, tensor: str) -> tuple[str, CodePair] | None:
        """The bytes that a tensor is made of, and their code."""
        node = self._writers.get(tensor)
        if node is None or node.op_type != "DequantizeLinear" or node.domain not in _STANDARD:
            return None
        code = self._code(node)
        return None if code is None else (node.input[0], code)

    def _code(self, node: onnx.NodeProto) -> CodePair | None:
        """The code of unsigned bytes with one scale."""
        tensors = [self._tensors.get(name) for name in node.input[1:]]
        if len(tensors) != 2 or tensors[1] is None or tensors[1].data_type != TensorProto.UINT8:
            return None
        values = [None if tensor is None else array_of(tensor) for tensor in tensors]
        if any(value is None or value.size != 1 for value in values):
            return None
        scale, zero = (float(np.asarray(value).reshape(-1)[0]) for value in values)
        return (scale, zero) if np.finfo(np.float32).tiny <= scale < np.inf else None

    def _only_reader(self, tensor: str, op: str) -> onnx.NodeProto | None:
        """The node that alone reads a tensor, where it is of this type."""
        node = self._readers.get(tensor) if self._uses[tensor] == 1 else None
        is_one = node is not None and node.op_type == op and node.domain in _STANDARD
        return node if is_one and node is not None and node.input[0] == tensor else None

    def _keep(self, nodes: list[onnx.NodeProto]) -> None:
        """Give the graph these nodes, without a DequantizeLinear that nobody reads any more."""
        read = {name for node in nodes for name in reads(node)} | {v.name for v in self._graph.output}
        kept = [n for n in nodes if n.op_type != "DequantizeLinear" or not read.isdisjoint(n.output)]
        kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del self._graph.node[:]
        self._graph.node.extend(kept)
        there = {name for node in kept for name in node.output}
        gone = self._writers.keys() - there
        told = [value for value in self._graph.value_info if value.name not in gone]
        del self._graph.value_info[:]
        self._graph.value_info.extend(told)
