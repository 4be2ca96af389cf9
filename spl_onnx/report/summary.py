"""A model in a few numbers."""

from __future__ import annotations

from collections import Counter

import onnx

from spl_onnx.data.inputs import value_spec
from spl_onnx.report.entries import ModelSummary
from spl_onnx.rewrite.graph.tensors import all_graphs, byte_size

_STANDARD = ("", "ai.onnx")


def summarise(model: onnx.ModelProto) -> ModelSummary:
    """Count the parts of a model."""
    graphs = list(all_graphs(model.graph))
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


def _name(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"


def _value(value: onnx.ValueInfoProto) -> str:
    return f"{value.name} {value_spec(value).words()}"
