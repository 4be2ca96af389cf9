"""The part of `conv_relu_concat_pool` that concerns all branches: a MaxPool moves above its Concat."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import Match


def join_pooled(first: Match, pooled: dict[str, gs.Tensor]) -> list[gs.Node]:
    """The nodes that replace Concat and MaxPool.

    Args:
        first: The match of any branch.
        pooled: Outputs of the sites, by name of the branch tensor they replace.

    Returns:
        A MaxPool for every branch that is not a site, and a Concat that writes what the old MaxPool wrote.
        The old nodes are disconnected.
    """
    concat, pool, scope = first.concat, first.pool, first.scope
    assert concat is not None and pool is not None
    nodes: list[gs.Node] = []
    copies: dict[str, gs.Tensor] = {}
    branches = []
    for branch in concat.inputs:
        tensor = pooled.get(branch.name, copies.get(branch.name))
        if tensor is None:
            tensor = copies[branch.name] = gs.Variable(scope.model.fresh(f"{branch.name}/pooled"))
            name = scope.model.fresh(f"{branch.name}/max_pool")
            nodes.append(gs.Node("MaxPool", name, dict(pool.attrs), [branch], [tensor]))
        _announce(scope, tensor, branch, pool.outputs[0])
        branches.append(tensor)
    output = pool.outputs[0]
    for node in first.behind:
        node.inputs.clear()
        node.outputs.clear()
    name = scope.model.fresh(f"{output.name}/concat")
    nodes.append(gs.Node("Concat", name, dict(concat.attrs), branches, [output]))
    return nodes


def _announce(scope: Scope, tensor: gs.Tensor, branch: gs.Tensor, pooled: gs.Tensor) -> None:
    """Note the shape of a pooled branch: channels of the branch, all else of the pooled whole."""
    part, whole = scope.shape(branch), scope.shape(pooled)
    if part is not None and whole is not None:
        scope.announce(tensor, (whole[0], part[1], *whole[2:]))
