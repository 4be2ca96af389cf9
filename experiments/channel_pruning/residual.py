"""Channels between two convolutions of a residual branch, and how they are cut out of an ONNX graph.

Such a pair is Conv -> Relu -> Conv -> Add, with nobody else reading in between: what the first convolution
puts into a channel is seen by the second one only. So a channel goes with one filter of the first and one
input of every filter of the second, and the widths of the residual stream stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two convolutions of a residual branch; fields name nodes and tensors.

    Attributes:
        first: output of the first convolution.
        middle: output of the Relu between them.
        second: output of the second convolution.
        shortcut: what the branch is added to.
        total: the sum.
    """

    first: str
    middle: str
    second: str
    shortcut: str
    total: str


class Graph:
    """Nodes and weights of a model by the tensors they make and read.

    Args:
        model: a model, which is changed in place by `set_weights` and `fold_batch_norms`.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._index()

    def _index(self) -> None:
        self.maker: dict[str, onnx.NodeProto] = {}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.model.graph.node:
            self.maker.update(dict.fromkeys(node.output, node))
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = {value.name for value in self.model.graph.output}

    def only_reader(self, tensor: str, operator: str) -> onnx.NodeProto | None:
        """The one node that reads a tensor, if it is of this kind and the tensor is no output."""
        readers = self.readers.get(tensor, [])
        if len(readers) != 1 or tensor in self.outputs or readers[0].op_type != operator:
            return None
        return readers[0]

    def array(self, name: str) -> Float:
        """An initializer's values."""
        return np.array(numpy_helper.to_array(self.weights[name]))

    def is_layer(self, tensor: str) -> bool:
        """Whether a tensor comes from a plain 2-D convolution or a Gemm with weights [O, K], all constant."""
        node = self.maker.get(tensor)
        if node is None or node.op_type not in ("Conv", "Gemm"):
            return False
        if any(name not in self.weights for name in node.input[1:]):
            return False
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        rank = len(self.weights[node.input[1]].dims)
        if node.op_type == "Gemm":
            factors = (attributes.get(name, 1.0) for name in ("alpha", "beta"))
            return (
                attributes.get("transB", 0) == 1
                and attributes.get("transA", 0) == 0
                and set(factors) == {1.0}
            )
        return (
            node.op_type == "Conv"
            and rank == 4
            and attributes.get("group", 1) == 1
            and set(attributes.get("dilations", [1])) == {1}
            and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
        )

    def filters(self, conv: str) -> tuple[Float, Float]:
        """Weights [O, C, kH, kW] and bias [O] of the convolution that makes tensor `conv`."""
        node = self.maker[conv]
        weight = self.array(node.input[1])
        bias = self.array(node.input[2]) if len(node.input) > 2 else np.zeros(len(weight), np.float32)
        return weight, bias

    def set_filters(self, conv: str, weight: NDArray[Any], bias: NDArray[Any]) -> None:
        """Give a convolution new weights [O, C, kH, kW] and bias [O], under names of its own."""
        node = self.maker[conv]
        del node.input[1:]
        for role, values in (("weight", weight), ("bias", bias)):
            name = f"{conv}/{role}"
            node.input.append(name)
            tensor = numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)
            if name in self.weights:
                self.weights[name].CopyFrom(tensor)
            else:
                self.model.graph.initializer.append(tensor)
                self.weights[name] = self.model.graph.initializer[-1]

    def fold_batch_norms(self) -> None:
        """Fold every BatchNormalization behind a convolution into it: W * f, (b - mean) * f + shift."""
        for norm in [node for node in self.model.graph.node if node.op_type == "BatchNormalization"]:
            conv = self.maker.get(norm.input[0])
            if (
                conv is None
                or conv.op_type != "Conv"
                or self.only_reader(norm.input[0], norm.op_type) is None
            ):
                continue
            scale, shift, mean, variance = (self.array(name).astype(np.float64) for name in norm.input[1:5])
            epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
            factor = scale / np.sqrt(variance + epsilon)
            weight, bias = self.filters(norm.input[0])
            conv.output[0] = norm.output[0]
            self.model.graph.node.remove(norm)
            self._index()
            self.set_filters(
                conv.output[0], weight * factor[:, None, None, None], (bias - mean) * factor + shift
            )
        self.drop_unused()

    def drop_unused(self) -> None:
        """Remove initializers that nobody reads, and shapes of tensors that have changed."""
        self._index()
        for name in set(self.weights) - set(self.readers) - self.outputs:
            self.model.graph.initializer.remove(self.weights.pop(name))
        del self.model.graph.value_info[:]


def find_pairs(graph: Graph) -> list[Pair]:
    """All pairs whose channels can be cut, in order of the graph; batch norms must be folded before."""
    found = (_pair(graph, node) for node in graph.model.graph.node if node.op_type == "Conv")
    return [pair for pair in found if pair is not None]


def _pair(graph: Graph, first: onnx.NodeProto) -> Pair | None:
    relu = graph.only_reader(first.output[0], "Relu")
    second = graph.only_reader(relu.output[0], "Conv") if relu is not None else None
    if relu is None or second is None or not all(graph.is_layer(node.output[0]) for node in (first, second)):
        return None
    total = graph.only_reader(second.output[0], "Add")
    if total is None or second.input[1] == relu.output[0]:
        return None
    shortcut = next(name for name in total.input if name != second.output[0])
    return Pair(first.output[0], relu.output[0], second.output[0], shortcut, total.output[0])


def cut(graph: Graph, pair: Pair, kept: NDArray[np.int64]) -> None:
    """Keep some channels of a pair, [K] ascending."""
    filters, biases = graph.filters(pair.first)
    graph.set_filters(pair.first, filters[kept], biases[kept])
    filters, biases = graph.filters(pair.second)
    graph.set_filters(pair.second, filters[:, kept], biases)
    graph.drop_unused()
