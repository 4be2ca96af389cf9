"""Nodes of our operators in a model: they, and nothing else, show that it was rewritten before.

Imports of our domains show nothing: once the library was used, ONNX Runtime writes them into every model that
the process saves. Nor do functions that no node calls, or inlined ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.tensors import all_graphs, subgraphs
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node of `model`: those of all graphs and of all functions."""
    for graph in all_graphs(model.graph):
        yield from graph.node
    for function in model.functions:
        yield from function_nodes(function)


def function_nodes(function: onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """Every node of `function`, those of its inner graphs included."""
    for node in function.node:
        yield node
        for inner in subgraphs(node):
            for graph in all_graphs(inner):
                yield from graph.node


def own_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Nodes of the domains of our operators, in graphs and functions."""
    return (node for node in all_nodes(model) if node.domain in (DOMAIN_CONV, DOMAIN_GEMM))


def require_original(model: onnx.ModelProto, where: str) -> None:
    """Refuse models that hold our operators, or a foreign meaning of our domains.

    Args:
        model: The model.
        where: What the message calls it.

    Raises:
        ModelError: A node of `model` is of one of our domains.
    """
    node = next(own_nodes(model), None)
    if node is not None:
        raise ModelError(
            f"{where}: node {node.name!r} is an operator {node.domain}.{node.op_type} already: "
            "the model was rewritten before; rewrite the original instead"
        )
