"""Which nodes of the original model a site stands for, and how they are recognised in a profile of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import onnx

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.sites.candidates import Candidate, find_candidates

# ONNX Runtime names a node in its blocked layout after the tensor it writes, and copies with a number.
_BLOCKED = "_nchwc"
_NUMBERED = re.compile(r"_token_\d+$")
_FUSED = "fused "


@dataclass(frozen=True)
class SiteNodes:
    """The nodes of the original that a site replaces; a node is named by the first tensor it writes.

    Attributes:
        site: name of the site.
        rule: the rule that found it.
        own: nodes of this site alone.
        anchor: the one with the weights.
        anchor_op: its operator.
        output: the tensor the site writes.
        shared: nodes it shares with other sites (Concat and MaxPool behind branches).
        sharers: how many sites share them.
        joined: name of the node that stands for the shared ones in a rewritten model.
    """

    site: str
    rule: str
    own: frozenset[str]
    anchor: str
    anchor_op: str
    output: str
    shared: frozenset[str] = frozenset()
    sharers: int = 1
    joined: str = ""


def site_nodes(model: onnx.ModelProto, options: RewriteOptions) -> list[SiteNodes]:
    """The nodes of all accepted sites, in graph order."""
    found = [c for c in find_candidates(ModelContext(model), selector(options)) if c.match is not None]
    sharers: dict[int, int] = {}
    for candidate in found:
        sharers[_group(candidate)] = sharers.get(_group(candidate), 0) + 1
    return [_nodes(candidate, sharers[_group(candidate)]) for candidate in found]


def _group(candidate: Candidate) -> int:
    assert candidate.match is not None
    shared = candidate.match.behind
    return id(shared[-1]) if shared else id(candidate)


def _nodes(candidate: Candidate, sharers: int) -> SiteNodes:
    match = candidate.match
    assert match is not None
    last = match.behind[-1].outputs[0].name if match.behind else ""
    return SiteNodes(
        site=candidate.entry.site,
        rule=candidate.entry.rule,
        own=frozenset(node.outputs[0].name for node in match.nodes),
        anchor=match.anchor.outputs[0].name,
        anchor_op=match.anchor.op,
        output=match.output.name,
        shared=frozenset(node.outputs[0].name for node in match.behind),
        sharers=sharers,
        joined=f"{last}/concat" if last else "",
    )


@dataclass(frozen=True)
class NodeNames:
    """From the name of a node in a profile to the node of the original it comes from.

    Attributes:
        by_name: first output of each node by the node's name.
        outputs: first outputs of all nodes, by every tensor they write.
    """

    by_name: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: onnx.ModelProto) -> NodeNames:
        """The names in the main graph of a model."""
        nodes = [node for node in model.graph.node if node.output]
        by_name = {node.name: node.output[0] for node in nodes if node.name}
        return cls(by_name, {tensor: node.output[0] for node in nodes for tensor in node.output})

    def find(self, profiled: str) -> str | None:
        """First output of the original node; None for nodes that ONNX Runtime added, or named otherwise."""
        name = _NUMBERED.sub("", profiled.removeprefix(_FUSED))
        if name.endswith(_BLOCKED):
            return self._first(name.removesuffix(_BLOCKED), self.outputs, self.by_name)
        return self._first(name, self.by_name, self.outputs)

    @staticmethod
    def _first(name: str, *tables: dict[str, str]) -> str | None:
        return next((table[name] for table in tables if name in table), None)


@contextmanager
def named_nodes(model: onnx.ModelProto) -> Iterator[None]:
    """Name the nameless nodes of the main graph after their first output, for as long as a session is made.

    Without a name a node cannot be found in a profile.
    """
    nameless = [node for node in model.graph.node if not node.name and node.output]
    for node in nameless:
        node.name = node.output[0]
    try:
        yield
    finally:
        for node in nameless:
            node.ClearField("name")
