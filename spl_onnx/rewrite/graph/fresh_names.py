"""Names that a graph does not have yet."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from spl_onnx.rewrite.graph.tensors import all_graphs


class FreshNames:
    """The names of a graph and of those inside it; names that are given out are taken from then on.

    Args:
        graph: Not changed.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._names = set(all_names(graph))

    def fresh(self, wanted: str) -> str:
        """A name nobody uses: `wanted`, or `wanted` with a number. It is taken from now on."""
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}_{number}"
        self._names.add(name)
        return name


def all_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Names of nodes and tensors."""
    for inner in all_graphs(graph):
        for node in inner.node:
            yield node.name
            yield from node.input
            yield from node.output
        for values in (inner.initializer, inner.input, inner.output, inner.value_info):
            yield from (value.name for value in values)
