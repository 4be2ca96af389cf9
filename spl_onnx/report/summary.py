"""A model in a few numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import onnx

from spl_onnx.data.inputs import value_spec
from spl_onnx.rewrite.tensors import byte_size

_STANDARD = ("", "ai.onnx")


@dataclass(frozen=True)
class ModelSummary:
    """A model in a few numbers.

    Attributes:
        opset: version of the standard operators.
        ir_version: version of the file format.
        inputs: name, type and shape of each input that is fed, as text.
        outputs: the same of each output.
        nodes: number of nodes, those in bodies of If and Loop included.
        operators: number of nodes per operator; other domains are written before the name.
        weight_bytes: bytes of all initializers.
    """

    opset: int
    ir_version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: int
    operators: dict[str, int]
    weight_bytes: int

    def describe(self) -> str:
        """Inputs, outputs and opset in one line."""
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}; opset {self.opset}"

    def as_dict(self) -> dict[str, object]:
        """The numbers that go into a report."""
        return {
            "opset": self.opset,
            "ir_version": self.ir_version,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "nodes": self.nodes,
            "operators": self.operators,
            "weight_bytes": self.weight_bytes,
        }


def summarise(model: onnx.ModelProto) -> ModelSummary:
    """Count the parts of a model."""
    graphs = list(_graphs(model.graph))
    counts = Counter(_name(node) for graph in graphs for node in graph.node)
    stored = {tensor.name for tensor in model.graph.initializer}
    return ModelSummary(
        opset=next((o.version for o in model.opset_import if o.domain in _STANDARD), 0),
        ir_version=model.ir_version,
        inputs=tuple(_value(v) for v in model.graph.input if v.name not in stored),
        outputs=tuple(_value(v) for v in model.graph.output),
        nodes=sum(counts.values()),
        operators=dict(counts.most_common()),
        weight_bytes=sum(byte_size(tensor) for graph in graphs for tensor in graph.initializer),
    )


def _graphs(graph: onnx.GraphProto) -> Any:
    """Yield a graph and all graphs inside it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _graphs(inner)


def _name(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"


def _value(value: onnx.ValueInfoProto) -> str:
    return f"{value.name} {value_spec(value).describe()}"
