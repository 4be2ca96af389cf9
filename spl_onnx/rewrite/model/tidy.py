"""Models as ONNX Runtime takes them, in the order that everything behind reading relies on.

ONNX Runtime sorts the nodes of the main graph itself, and of several imports of one domain the last one
counts. What it refuses however the rest looks is refused here: circles, tensors or nodes of one name.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable

import onnx

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.tensors import all_graphs, reads


def tidied(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """`model` itself where it is in order, else a copy that is; arguments and errors as `tidy`."""
    if _is_tidy(model, where):
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    tidy(copy, where)
    return copy


def tidy(model: onnx.ModelProto, where: str) -> None:
    """Sort the main graph of `model`, in place, and leave one import per domain.

    Args:
        model: The model.
        where: What messages call it.

    Raises:
        ModelError: Two tensors or two nodes of one graph have the same name, or nodes form a circle.
    """
    if _is_tidy(model, where):
        return
    imports = _last_imports(model)
    del model.opset_import[:]
    model.opset_import.extend(imports)
    # The first output is a node's own, and moving nodes leaves the weights in them where they are.
    place = {_first_output(node): number for number, node in enumerate(_in_order(model.graph, where))}
    model.graph.node.sort(key=lambda node: place[_first_output(node)])


def _is_tidy(model: onnx.ModelProto, where: str) -> bool:
    for graph in all_graphs(model.graph):
        _check_names(graph, f"{where}: graph {graph.name!r}")
    return len(_last_imports(model)) == len(model.opset_import) and _is_sorted(model.graph)


def _last_imports(model: onnx.ModelProto) -> list[onnx.OperatorSetIdProto]:
    """One import per domain; "ai.onnx" is the domain without a name."""
    found = {"" if entry.domain == "ai.onnx" else entry.domain: entry for entry in model.opset_import}
    return list(found.values())


def _check_names(graph: onnx.GraphProto, where: str) -> None:
    inputs = [value.name for value in graph.input]
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {tensor.values.name for tensor in graph.sparse_initializer}
    # To ONNX Runtime a Constant is an initializer: no node, and one that another may replace.
    constants |= {name for node in graph.node if _is_constant(node) for name in node.output}
    nodes = [node for node in graph.node if not _is_constant(node)]
    made = [name for node in nodes for name in node.output]
    _require_unique("tensor", [*inputs, *constants.difference(inputs), *made], where)
    _require_unique("node", (node.name for node in nodes), where)


def _is_constant(node: onnx.NodeProto) -> bool:
    return node.op_type == "Constant" and node.domain in ("", "ai.onnx")


def _require_unique(kind: str, names: Iterable[str], where: str) -> None:
    twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if twice is not None:
        raise ModelError(
            f"{where}: more than one {kind} is called {twice!r}; "
            "ONNX Runtime wants a name of its own for each: export the model again"
        )


def _is_sorted(graph: onnx.GraphProto) -> bool:
    later = {name for node in graph.node for name in node.output}
    for node in graph.node:
        if not later.isdisjoint(reads(node)):
            return False
        later.difference_update(node.output)
    return True


def _in_order(graph: onnx.GraphProto, where: str) -> list[onnx.NodeProto]:
    """Nodes behind those they read, otherwise as they were."""
    nodes = list(graph.node)
    makers = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    needs = [{makers[name] for name in reads(node) if name in makers} for node in nodes]
    readers: list[list[int]] = [[] for _ in nodes]
    for number, needed in enumerate(needs):
        for maker in needed:
            readers[maker].append(number)
    ready = [number for number, needed in enumerate(needs) if not needed]
    order = []
    while ready:
        number = heapq.heappop(ready)
        order.append(nodes[number])
        for reader in readers[number]:
            needs[reader].remove(number)
            if not needs[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        raise ModelError(f"{where}: {_describe_circle(nodes, needs)}")
    return order


def _describe_circle(nodes: list[onnx.NodeProto], needs: list[set[int]]) -> str:
    """Which node reads what it made; `needs`: what each node waits for."""
    number, seen = next(i for i, needed in enumerate(needs) if needed), set()
    while number not in seen:
        seen.add(number)
        number = min(needs[number])
    node = nodes[number]
    return (
        f"node {node.name!r} ({node.op_type}) reads, through others, what it makes "
        f"({_first_output(node)!r}); wanted no circle: export the model again"
    )


def _first_output(node: onnx.NodeProto) -> str:
    """A name that only this node makes; empty where nobody can read what it makes."""
    return next((name for name in node.output if name), "")
