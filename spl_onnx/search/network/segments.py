"""Cutting a rewritten model before and behind every site.

Whatever is computed on one side of a cut and read on the other crosses it; all such tensors together are the
state of the network between two segments. A site's segment holds its SRMM and SPLPredict alone, so that its
input and residual are part of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import onnx
from onnx import TensorProto, helper

from spl_onnx.measure.shapes import element_types
from spl_onnx.measure.sites import ConvertedSite, converted_sites, is_operator
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, PREDICT, SRMM


@dataclass(frozen=True)
class Segment:
    """A stretch of a network.

    Attributes:
        model: its nodes and weights as a model of their own.
        reads: tensors it takes from the state.
        writes: tensors it adds to the state.
        drops: tensors of the state that nobody reads behind it.
        site: the site it consists of; None where it is something else.
    """

    model: onnx.ModelProto
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    drops: tuple[str, ...]
    site: ConvertedSite | None = None


def cut(model: onnx.ModelProto) -> list[Segment]:
    """The segments of a model, in order; the last one gives the model's outputs.

    A cut is left out where the type of a tensor that would cross it is not known.

    Args:
        model: a rewritten model, its nodes in topological order; it is not changed.
    """
    outputs = [value.name for value in model.graph.output]
    nodes = _needed(_predictions_with_their_layers(model.graph), outputs)
    types = element_types(model)
    # Whoever reads a constant has its own copy, but an output of the model is made in one place.
    constants = [node for node in nodes if node.op_type == "Constant" and node.output[0] not in outputs]
    constant = {t.name for t in model.graph.initializer} | {node.output[0] for node in constants}
    nodes = [node for node in nodes if node.output[0] not in constant]
    last_read = _last_reads(nodes, outputs)
    wanted = list(dict.fromkeys(place for i in range(len(nodes)) for place in _around_site(nodes, i)))
    crossing = _crossings(nodes, model, last_read, constant)
    cuts = [place for place in wanted if 0 < place < len(nodes) and set(crossing[place]) <= set(types)]
    bounds = [0, *cuts, len(nodes)]
    builder = _Builder(model, types, constants)
    return [
        builder.segment(nodes[begin:end], crossing[begin], crossing[end]) for begin, end in pairwise(bounds)
    ]


def _needed(nodes: Sequence[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """Nodes whose results are read; a stretch of others alone would write nothing."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(reads(node))
            kept.append(node)
    return kept[::-1]


def _around_site(nodes: Sequence[onnx.NodeProto], i: int) -> tuple[int, ...]:
    """Places before and behind node `i` and its prediction; none where it is no site."""
    if not is_operator(nodes[i], SRMM):
        return ()
    predicted = i > 0 and is_operator(nodes[i - 1], PREDICT)
    return (i - predicted, i + 1)


def _predictions_with_their_layers(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes in order, every SPLPredict directly before the SRMM that reads it: selections cross no cut."""
    predictions = {node.output[0]: node for node in graph.node if is_operator(node, PREDICT)}
    ordered = []
    for node in graph.node:
        if is_operator(node, PREDICT):
            continue
        if is_operator(node, SRMM):
            ordered += [predictions.pop(name) for name in node.input if name in predictions]
        ordered.append(node)
    return ordered


def _last_reads(nodes: Sequence[onnx.NodeProto], outputs: list[str]) -> dict[str, int]:
    found = {name: i for i, node in enumerate(nodes) for name in reads(node)}
    return {**found, **dict.fromkeys(outputs, len(nodes))}


def _crossings(
    nodes: Sequence[onnx.NodeProto], model: onnx.ModelProto, last_read: dict[str, int], constant: set[str]
) -> list[list[str]]:
    """For every place between nodes, the tensors that are made before it and read behind it, in order."""
    alive = [value.name for value in model.graph.input if value.name not in constant]
    crossings = [list(alive)]
    for i, node in enumerate(nodes):
        alive += [name for name in node.output if name]
        alive = [name for name in alive if last_read.get(name, -1) > i]
        crossings.append(list(alive))
    return crossings


class _Builder:
    """Makes models of stretches of nodes."""

    def __init__(
        self, model: onnx.ModelProto, types: dict[str, int], constants: list[onnx.NodeProto]
    ) -> None:
        self._model = model
        self._types = types
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._constants = {node.output[0]: node for node in constants}
        # Ours are computed by the library.
        self._functions = [f for f in model.functions if f.domain not in (DOMAIN_CONV, DOMAIN_GEMM)]

    def segment(self, nodes: Sequence[onnx.NodeProto], before: list[str], after: list[str]) -> Segment:
        """The segment of `nodes`, between two states."""
        read = dict.fromkeys(name for node in nodes for name in reads(node))
        made = {name for node in nodes for name in node.output}
        inputs = tuple(name for name in before if name in read)
        outputs = tuple(name for name in after if name in made)
        constants = [self._constants[name] for name in read if name in self._constants]
        graph = helper.make_graph(
            [*constants, *nodes],
            "segment",
            [self._value(name) for name in inputs],
            [self._value(name) for name in outputs],
            [self._weights[name] for name in read if name in self._weights],
        )
        model = helper.make_model(
            graph,
            functions=self._functions,
            opset_imports=list(self._model.opset_import),
            ir_version=self._model.ir_version,
        )
        sites = converted_sites(model)
        ours = all(is_operator(node, SRMM) or is_operator(node, PREDICT) for node in nodes)
        drops = tuple(name for name in before if name not in after)
        return Segment(model, inputs, outputs, drops, sites[0] if ours and len(sites) == 1 else None)

    def _value(self, name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, self._types.get(name, TensorProto.FLOAT), None)
