"""Passing bytes from site to site in a rewritten model, where it is said in which codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import onnx

from spl_onnx.rewrite.bytes.borders import Borders
from spl_onnx.rewrite.bytes.groups import Groups
from spl_onnx.rewrite.bytes.names import Constants
from spl_onnx.rewrite.bytes.sites import ByteSite, CodePair, SiteCodes, byte_sites, input_of
from spl_onnx.spec.attributes import MAX_POOL, Q_MAX_POOL, QSRMM

#: The first opset with all that is needed: MaxPool of bytes.
OLDEST_OPSET = 12


def pass_bytes(graph: onnx.GraphProto, codes: Mapping[str, SiteCodes]) -> int:
    """Let sites take and give bytes, in place.

    Every site with codes becomes QSRMM. What nobody but sites and joining nodes read stays bytes all along;
    other readers get floats by one DequantizeLinear for a tensor, and floats that sites read become bytes by
    one QuantizeLinear, or ChannelsLastQuantize, for a tensor and code.

    Args:
        graph: Main graph of a rewritten model, of opset 12 or newer.
        codes: By name of the site, as `choose_codes` gives them; others are allowed too.

    Returns:
        How many sites pass bytes.
    """
    sites = [
        site
        for site in byte_sites(graph)
        if site.name in codes and (site.r is None or codes[site.name].r is not None)
    ]
    if sites:
        _Editor(graph, {site.y: (site, codes[site.name]) for site in sites}).edit()
    return len(sites)


class _Editor:
    """Visits the nodes of a graph in order; sites by the tensor they write."""

    def __init__(self, graph: onnx.GraphProto, sites: dict[str, tuple[ByteSite, SiteCodes]]) -> None:
        self._graph, self._sites = graph, sites
        self._constants = Constants(graph)
        self._borders = Borders(graph, self._constants)
        self._groups = Groups(graph)
        self._codes = self._group_codes()

    def edit(self) -> None:
        for node in list(self._graph.node):
            self._visit(node)
        self._borders.finish()
        self._constants.drop_unread()

    def _group_codes(self) -> dict[str, CodePair]:
        """The code of every group that is passed as bytes; sites of different codes hand on floats."""
        wanted: dict[str, set[CodePair]] = defaultdict(set)
        for site, codes in self._sites.values():
            for tensor, code in site.codes(codes):
                wanted[self._groups.of(tensor)].add(code)
        passed = self._groups.as_bytes([site for site, _ in self._sites.values()])
        return {group: next(iter(wanted[group])) for group in passed if len(wanted[group]) == 1}

    def _visit(self, node: onnx.NodeProto) -> None:
        site = self._sites.get(node.output[0]) if node.output else None
        if site is not None:
            self._borders.add(self._qsrmm(*site))
        elif self._groups.joins(node) and (code := self._codes.get(self._groups.of(node.output[0]))):
            made = onnx.NodeProto()
            made.CopyFrom(node)
            made.input[:] = [self._borders.bytes_of(name, code) for name in node.input]
            made.output[0] = self._borders.write(node.output[0], code)
            made.op_type = Q_MAX_POOL if node.op_type == MAX_POOL else node.op_type
            self._borders.add(made)
        else:
            self._borders.add_floats(node)

    def _qsrmm(self, site: ByteSite, codes: SiteCodes) -> onnx.NodeProto:
        node = onnx.NodeProto()
        node.CopyFrom(site.node)
        node.op_type = QSRMM
        if site.r is None or codes.r is None:
            r, rscale = self._constants.zero_byte(), self._constants.pair((1.0, 0.0))
        else:
            r, rscale = self._borders.bytes_of(site.r, codes.r), self._constants.pair(codes.r)
        kept = {name: input_of(site.node, name) for name in ("W", "B", "S", "Bs", "Wscale")}
        if kept["S"]:
            self._borders.need_floats(kept["S"])
        node.input[:] = [
            self._borders.bytes_of(site.x, codes.x),
            *(kept["W"], kept["B"], kept["S"], r, kept["Bs"]),
            *(self._constants.pair(codes.x), rscale, self._constants.pair(codes.y)),
            *([kept["Wscale"]] if kept["Wscale"] else []),
        ]
        node.output[0] = self._borders.write(site.y, codes.y)
        return node
