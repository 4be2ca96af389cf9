"""Access to the parts of a rule without a rewrite."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import ModelContext, Scope
from tests.rewrite.builders import Net


def scope_of(made: Net, *outputs: str) -> Scope:
    """The main graph of a network."""
    return ModelContext(made.model(*outputs)).scopes[0]


def node_of(scope: Scope, output: str) -> gs.Node:
    """The node that writes `output`."""
    return next(node for node in scope.graph.nodes if node.outputs[0].name == output)
