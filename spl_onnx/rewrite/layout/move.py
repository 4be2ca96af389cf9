"""Moving nodes between sites to channels-last images.

Every movable node takes images either as the model has them (`[N,C,H,W]`) or channels last. A tensor needs a
Transpose where it is written in one layout and read in the other. The nodes are divided so that as few
elements as possible are transposed; nodes whose layout makes no difference stay as they are. A moved node
brings its own Transposes, as sites do; those between neighbours cancel each other.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.channels_last import TO_NCHW, TO_NHWC, give_rank
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.layout.cancel import clean_layout
from spl_onnx.rewrite.layout.cut import FIRST, SECOND, Bond, first_side
from spl_onnx.rewrite.layout.hold import hold_transposes
from spl_onnx.rewrite.layout.movable import LayoutMove, find_move
from spl_onnx.rewrite.layout.weight import elements
from spl_onnx.spec.attributes import DOMAIN_CONV

#: Told about every node before it is replaced.
Note = Callable[[Scope, gs.Node], None]


def settle_layout(scope: Scope, made: list[gs.Node], note: Note) -> list[LayoutMove]:
    """Leave as few layout nodes in one graph as there can be.

    Args:
        scope: The graph.
        made: Nodes that the rewrite made; new ones are added.
        note: Is called with every node that goes away.

    Returns:
        What moved.
    """
    clean_layout(scope, {id(node) for node in made})
    moves = _paying_moves(scope, {id(node) for node in made})
    for move in moves:
        note(scope, move.node)
        nodes = _carry_out(scope, move)
        index = next(i for i, node in enumerate(scope.graph.nodes) if node is move.node)
        scope.graph.nodes[index : index + 1] = nodes
        made += nodes
    ours = {id(node) for node in made}
    clean_layout(scope, ours)
    if any(id(node) in ours for node in scope.graph.nodes):
        made += hold_transposes(scope)
    return moves


def describe_moves(moves: list[LayoutMove]) -> list[str]:
    """What the user should know of the nodes that moved: at most one sentence."""
    if not moves:
        return []
    text = f"{_count(len(moves), 'operator')} between sites on channels-last images"
    pools = sum(move.domain == DOMAIN_CONV for move in moves)
    return [f"{text}; {pools} of them pooling with operators of {DOMAIN_CONV}" if pools else text]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _paying_moves(scope: Scope, made: set[int]) -> list[LayoutMove]:
    """The nodes that work channels last from now on, in graph order; none in a graph without sites."""
    if not any(id(node) in made for node in scope.graph.nodes):
        return []
    own = {id(node) for node in scope.graph.nodes}
    moves = [move for node in scope.graph.nodes if (move := find_move(scope, node)) is not None]
    number = {id(move.node): index for index, move in enumerate(moves)}
    tensors = {id(tensor): tensor for move in moves for tensor in (*move.sources, *move.results)}
    bonds = [
        Bond(_sides(scope, tensor, own, moves, number), elements(scope.shape(tensor)))
        for tensor in tensors.values()
    ]
    chosen = first_side(len(moves), bonds)
    return [move for index, move in enumerate(moves) if index in chosen]


def _sides(
    scope: Scope, tensor: gs.Tensor, own: set[int], moves: list[LayoutMove], number: dict[int, int]
) -> frozenset[int]:
    """Writer and readers of `tensor`: movable nodes, FIRST (channels last), SECOND (as the model has it)."""
    writer = tensor.inputs[0] if len(tensor.inputs) == 1 else None
    members = {FIRST} if _is_transpose(writer, TO_NCHW, own) else {number.get(id(writer), SECOND)}
    for reader in tensor.outputs:
        index = number.get(id(reader))
        if index is not None and any(tensor is image for image in moves[index].sources):
            members.add(index)
        else:
            members.add(FIRST if _is_transpose(reader, TO_NHWC, own) else SECOND)
    if scope.is_output(tensor):
        members.add(SECOND)
    return frozenset(members)


def _is_transpose(node: gs.Node | None, perm: tuple[int, ...], own: set[int]) -> bool:
    return (
        node is not None
        and id(node) in own
        and node.op == "Transpose"
        and node.domain in (None, "", "ai.onnx")
        and node.attrs.get("perm") == list(perm)
    )


def _carry_out(scope: Scope, move: LayoutMove) -> list[gs.Node]:
    """The nodes that replace the one of `move`; it is disconnected."""
    node, fresh = move.node, scope.model.fresh
    inputs, outputs = list(node.inputs)[: move.inputs], list(node.outputs)
    node.inputs.clear()
    node.outputs.clear()
    before, after = [], []
    for index in move.images:
        image = gs.Variable(fresh(f"{inputs[index].name}/nhwc"))
        before.append(_transpose(scope, inputs[index], image, TO_NHWC))
        inputs[index] = image
    for index, values in move.constants.items():
        constant = gs.Constant(fresh(f"{outputs[0].name}/constant"), values)
        inputs[index : index + 1] = [constant]
    if move.makes_images:
        for index, output in enumerate(outputs):
            outputs[index] = gs.Variable(fresh(f"{output.name}/nhwc"))
            if move.domain == DOMAIN_CONV:
                give_rank(outputs[index], 4)
            after.append(_transpose(scope, outputs[index], output, TO_NCHW))
    moved = gs.Node(move.op, node.name, move.attrs, inputs, outputs, move.domain)
    return [*before, moved, *after]


def _transpose(scope: Scope, x: gs.Tensor, y: gs.Tensor, perm: tuple[int, ...]) -> gs.Node:
    name = scope.model.fresh(f"{y.name}/{'to_nhwc' if perm == TO_NHWC else 'to_nchw'}")
    return gs.Node("Transpose", name, {"perm": list(perm)}, [x], [y])
