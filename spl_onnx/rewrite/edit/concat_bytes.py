"""The part of `qdq_conv_concat` that concerns all branches: a Concat of bytes instead of one of floats."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.rules.site import Match


def join_bytes(first: Match, made: dict[str, gs.Tensor]) -> list[gs.Node]:
    """The nodes that replace Concat and QuantizeLinear.

    Args:
        first: The match of any branch.
        made: Outputs of the sites, bytes in the code of the Concat, by name of the branch they replace.

    Returns:
        A QuantizeLinear for every branch that is not a site, and a Concat that writes what the old
        QuantizeLinear wrote. The old nodes are disconnected.
    """
    concat, quantize, scope = first.concat, first.quantize, first.scope
    assert concat is not None and quantize is not None
    nodes: list[gs.Node] = []
    copies: dict[str, gs.Tensor] = {}
    branches = []
    codes, output = list(quantize.inputs[1:]), quantize.outputs[0]
    for branch in concat.inputs:
        tensor = made.get(branch.name, copies.get(branch.name))
        if tensor is None:
            tensor = copies[branch.name] = gs.Variable(scope.model.fresh(f"{branch.name}/joined"))
            name = scope.model.fresh(f"{branch.name}/quantize")
            nodes.append(gs.Node(quantize.op, name, dict(quantize.attrs), [branch, *codes], [tensor]))
        if (shape := scope.shape(branch)) is not None:
            scope.announce(tensor, shape)
        branches.append(tensor)
    for node in first.behind:
        node.inputs.clear()
        node.outputs.clear()
    name = scope.model.fresh(f"{output.name}/concat")
    nodes.append(gs.Node("Concat", name, dict(concat.attrs), branches, [output]))
    return nodes
