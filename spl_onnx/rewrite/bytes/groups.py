"""Tensors that must have one code, because an operator passes their bytes on as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import onnx

from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.attributes import DOMAIN_CONV, MAX_POOL


class TakesBytes(Protocol):
    """What gives and takes bytes in codes of its own."""

    @property
    def y(self) -> str:
        """The tensor that it writes."""

    @property
    def reads(self) -> tuple[str, ...]:
        """What it reads as bytes."""


class Groups:
    """The tensors of a graph in groups: those that Concat and ChannelsLastMaxPool join have one code.

    A group is called by one of its tensors.

    Args:
        graph: Of a rewritten model.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        constants = {tensor.name for tensor in graph.initializer}
        joins = [node for node in graph.node if _joins(node) and constants.isdisjoint(node.input)]
        self._joins = {node.output[0]: node for node in joins}
        self._parents: dict[str, str] = {}
        for node in joins:
            for name in node.input:
                self._unite(name, node.output[0])

    def of(self, tensor: str) -> str:
        """The group of a tensor."""
        while tensor in self._parents:
            tensor = self._parents[tensor]
        return tensor

    def joins(self, node: onnx.NodeProto) -> bool:
        """Whether a node passes bytes on as they are."""
        return bool(node.output) and self._joins.get(node.output[0]) is node

    def members(self) -> dict[str, list[str]]:
        """The tensors of every group that joins more than one."""
        found: dict[str, list[str]] = {}
        for node in self._joins.values():
            known = found.setdefault(self.of(node.output[0]), [])
            known += [name for name in (*node.input, node.output[0]) if name not in known]
        return found

    def as_bytes(self, sites: Collection[TakesBytes]) -> set[str]:
        """Groups that are passed as bytes.

        Sites both write and read them, or nothing but sites writes them, or nothing but sites reads them.

        Args:
            sites: Those that give and take bytes, and what does so between them.
        """
        own = {site.y for site in sites}
        written = {self.of(name) for name in own}
        read = {self.of(name) for site in sites for name in site.reads}
        alone = (written - self._written_by_others(own)) | (read - self._read_by_others(own))
        return (written & read) | alone

    def _unite(self, one: str, other: str) -> None:
        first, second = self.of(one), self.of(other)
        if first != second:
            self._parents[first] = second

    def _written_by_others(self, own: set[str]) -> set[str]:
        """Groups of what other nodes, and callers of the model, give; `own`: what sites write."""
        made = [value.name for value in self._graph.input]
        made += [name for node in self._graph.node for name in node.output]
        return {self.of(name) for name in made if name not in own and name not in self._joins}

    def _read_by_others(self, own: set[str]) -> set[str]:
        """Groups that other nodes, and callers of the model, take; `own`: what sites write."""
        taken = [value.name for value in self._graph.output]
        for node in self._graph.node:
            if not self.joins(node) and own.isdisjoint(node.output):
                taken += reads(node)
        return {self.of(name) for name in taken}


def _joins(node: onnx.NodeProto) -> bool:
    is_concat = node.op_type == "Concat" and node.domain in ("", "ai.onnx")
    return is_concat or (node.op_type == MAX_POOL and node.domain == DOMAIN_CONV)
