"""Passing bytes from site to site in a rewritten model, where it is said in which codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import onnx

from spl_onnx.rewrite.bytes.borders import Borders
from spl_onnx.rewrite.bytes.groups import Groups
from spl_onnx.rewrite.bytes.names import Constants
from spl_onnx.rewrite.bytes.norms import ByteNorm, norms_between
from spl_onnx.rewrite.bytes.sites import ByteSite, CodePair, SiteCodes, byte_sites, input_of
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    GLOBAL_AVERAGE,
    MAX_POOL,
    Q_GLOBAL_AVERAGE,
    Q_LRN,
    Q_MAX_POOL,
    QSRMM,
)

#: The first opset with all that is needed: MaxPool of bytes.
OLDEST_OPSET = 12


def pass_bytes(graph: onnx.GraphProto, codes: Mapping[str, SiteCodes]) -> int:
    """Let sites take and give bytes, in place.

    Every site with codes becomes QSRMM, and normalisations between them take and give bytes. What nobody but
    these and joining nodes read stays bytes all along; other readers get floats by one DequantizeLinear for
    a tensor, and floats that sites read become bytes by one QuantizeLinear, or ChannelsLastQuantize, for a
    tensor and code.

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
        norms = norms_between(graph, self._groups, [site for site, _ in sites.values()])
        self._codes = self._group_codes(norms)
        self._norms = {norm.y: norm for norm in norms if self._code(norm.x) and self._code(norm.y)}

    def edit(self) -> None:
        for node in list(self._graph.node):
            self._visit(node)
        self._borders.finish()
        self._constants.drop_unread()

    def _code(self, tensor: str) -> CodePair | None:
        """The code of a tensor whose group is passed as bytes."""
        return self._codes.get(self._groups.of(tensor))

    def _group_codes(self, norms: list[ByteNorm]) -> dict[str, CodePair]:
        """The code of every group that is passed as bytes; sites of different codes hand on floats."""
        wanted: dict[str, set[CodePair]] = defaultdict(set)
        for site, codes in self._sites.values():
            for tensor, code in site.codes(codes):
                wanted[self._groups.of(tensor)].add(code)
        passed = self._groups.as_bytes([*(site for site, _ in self._sites.values()), *norms])
        return {group: next(iter(wanted[group])) for group in passed if len(wanted[group]) == 1}

    def _visit(self, node: onnx.NodeProto) -> None:
        output = node.output[0] if node.output else ""
        if output in self._sites:
            self._borders.add(self._qsrmm(*self._sites[output]))
        elif output in self._norms:
            self._borders.add(self._norm(self._norms[output]))
        elif self._groups.joins(node) and (code := self._code(output)):
            made = _copy(node, Q_MAX_POOL if node.op_type == MAX_POOL else node.op_type)
            made.input[:] = [self._borders.bytes_of(name, code) for name in node.input]
            made.output[0] = self._borders.write(output, code)
            self._borders.add(made)
        elif _is_average(node) and (code := self._borders.written(node.input[0])):
            made = _copy(node, Q_GLOBAL_AVERAGE)
            made.input[:] = [self._borders.bytes_of(node.input[0], code), self._constants.pair(code)]
            self._borders.add(made)
        else:
            self._borders.add_floats(node)

    def _norm(self, norm: ByteNorm) -> onnx.NodeProto:
        x, y = self._codes[self._groups.of(norm.x)], self._codes[self._groups.of(norm.y)]
        node = _copy(norm.node, Q_LRN)
        pairs = self._constants.pair(x), self._constants.pair(y)
        node.input[:] = [self._borders.bytes_of(norm.x, x), *pairs]
        node.output[0] = self._borders.write(norm.y, y)
        return node

    def _qsrmm(self, site: ByteSite, codes: SiteCodes) -> onnx.NodeProto:
        node = _copy(site.node, QSRMM)
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


def _copy(node: onnx.NodeProto, op_type: str) -> onnx.NodeProto:
    """The node as another operator."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    made.op_type = op_type
    return made


def _is_average(node: onnx.NodeProto) -> bool:
    return node.op_type == GLOBAL_AVERAGE and node.domain == DOMAIN_CONV
