"""Normalisations between sites: they take bytes of one code and give bytes of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.bytes.groups import Groups
from spl_onnx.rewrite.bytes.sites import ByteSite
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.spec.attributes import DOMAIN_CONV, LRN, parse_lrn


@dataclass(frozen=True)
class ByteNorm:
    """A ChannelsLastLRN that may take and give bytes.

    Attributes:
        node: The node.
        x: Tensor of its input.
        y: Tensor of its output.
    """

    node: onnx.NodeProto
    x: str
    y: str

    @property
    def reads(self) -> tuple[str, ...]:
        """What it reads as bytes."""
        return (self.x,)


def norms_between(graph: onnx.GraphProto, groups: Groups, sites: Sequence[ByteSite]) -> list[ByteNorm]:
    """The normalisations of what sites write for what sites read; their codes are those of these sites.

    Args:
        graph: Of a rewritten model.
        groups: Its tensors that have one code.
        sites: Those that give and take bytes.
    """
    written = {groups.of(site.y) for site in sites}
    read = {groups.of(name) for site in sites for name in site.reads}
    norms = [ByteNorm(node, node.input[0], node.output[0]) for node in graph.node if suits_bytes(node)]
    return [norm for norm in norms if groups.of(norm.x) in written and groups.of(norm.y) in read]


def suits_bytes(node: onnx.NodeProto) -> bool:
    """Whether a node is a normalisation that may take and give bytes."""
    if node.op_type != LRN or node.domain != DOMAIN_CONV:
        return False
    try:
        return parse_lrn(Attributes.of(node).values).suits_bytes
    except ModelError:
        return False
