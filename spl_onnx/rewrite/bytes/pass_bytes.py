"""Passing bytes from site to site in a rewritten model, where it is said in which codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import onnx
from onnx import TensorProto, helper

from spl_onnx.rewrite.bytes.groups import Groups
from spl_onnx.rewrite.bytes.names import Constants
from spl_onnx.rewrite.bytes.sites import ByteSite, CodePair, SiteCodes, byte_sites, input_of
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.spec.attributes import MAX_POOL, Q_MAX_POOL, QSRMM

#: The first opset with all that is needed: MaxPool of bytes.
OLDEST_OPSET = 12


def pass_bytes(graph: onnx.GraphProto, codes: Mapping[str, SiteCodes]) -> int:
    """Let sites take and give bytes, in place.

    Every site with codes becomes QSRMM. What nobody but sites and joining nodes read stays bytes all along;
    other readers get floats by one DequantizeLinear for a tensor, and floats that sites read become bytes by
    one QuantizeLinear for a tensor and code.

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
    """Makes the nodes of a graph anew, in order; sites by the tensor they write."""

    def __init__(self, graph: onnx.GraphProto, sites: dict[str, tuple[ByteSite, SiteCodes]]) -> None:
        self._graph, self._sites = graph, sites
        self._constants = Constants(graph)
        self._groups = Groups(graph)
        self._codes = self._group_codes()
        #: Bytes of a tensor by its name and code.
        self._bytes: dict[tuple[str, CodePair], str] = {}
        #: Code of the tensors that are written as bytes and not yet needed as floats.
        self._written: dict[str, CodePair] = {}
        self._nodes: list[onnx.NodeProto] = []

    def edit(self) -> None:
        for node in list(self._graph.node):
            self._visit(node)
        for value in self._graph.output:
            self._need_floats(value.name)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        self._tell_types()
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
            self._nodes.append(self._qsrmm(*site))
        elif self._groups.joins(node) and (code := self._codes.get(self._groups.of(node.output[0]))):
            made = onnx.NodeProto()
            made.CopyFrom(node)
            made.input[:] = [self._bytes_of(name, code) for name in node.input]
            made.output[0] = self._write(node.output[0], code)
            made.op_type = Q_MAX_POOL if node.op_type == MAX_POOL else node.op_type
            self._nodes.append(made)
        else:
            for name in reads(node):
                self._need_floats(name)
            self._nodes.append(node)

    def _qsrmm(self, site: ByteSite, codes: SiteCodes) -> onnx.NodeProto:
        node = onnx.NodeProto()
        node.CopyFrom(site.node)
        node.op_type = QSRMM
        if site.r is None or codes.r is None:
            r, rscale = self._constants.zero_byte(), self._constants.pair((1.0, 0.0))
        else:
            r, rscale = self._bytes_of(site.r, codes.r), self._constants.pair(codes.r)
        kept = {name: input_of(site.node, name) for name in ("W", "B", "S", "Bs", "Wscale")}
        if kept["S"]:
            self._need_floats(kept["S"])
        node.input[:] = [
            self._bytes_of(site.x, codes.x),
            *(kept["W"], kept["B"], kept["S"], r, kept["Bs"]),
            *(self._constants.pair(codes.x), rscale, self._constants.pair(codes.y)),
            *([kept["Wscale"]] if kept["Wscale"] else []),
        ]
        node.output[0] = self._write(site.y, codes.y)
        return node

    def _write(self, tensor: str, code: CodePair) -> str:
        """The name of the bytes that stand for a tensor from here on."""
        self._written[tensor] = code
        return self._bytes.setdefault((tensor, code), self._constants.fresh(f"{tensor}/bytes"))

    def _bytes_of(self, tensor: str, code: CodePair) -> str:
        """Bytes of a tensor; made of its floats where there are none in this code."""
        if (tensor, code) not in self._bytes:
            self._need_floats(tensor)
            made = self._bytes[tensor, code] = self._constants.fresh(f"{tensor}/bytes")
            inputs = [tensor, *self._constants.scale_and_zero(code)]
            self._nodes.append(
                helper.make_node(
                    "QuantizeLinear", inputs, [made], self._constants.fresh(f"{tensor}/quantize")
                )
            )
        return self._bytes[tensor, code]

    def _need_floats(self, tensor: str) -> None:
        """Make floats of a tensor that is bytes, once."""
        code = self._written.pop(tensor, None)
        if code is not None:
            inputs = [self._bytes[tensor, code], *self._constants.scale_and_zero(code)]
            name = self._constants.fresh(f"{tensor}/dequantize")
            self._nodes.append(helper.make_node("DequantizeLinear", inputs, [tensor], name))

    def _tell_types(self) -> None:
        """Say of bytes what was said of the floats; those that are no more are not spoken of."""
        gone = set(self._written)
        told = {value.name: value for value in self._graph.value_info}
        for (tensor, _), made in self._bytes.items():
            if tensor in told:
                value = self._graph.value_info.add()
                value.CopyFrom(told[tensor])
                value.name = made
                value.type.tensor_type.elem_type = TensorProto.UINT8
        kept = [value for value in self._graph.value_info if value.name not in gone]
        del self._graph.value_info[:]
        self._graph.value_info.extend(kept)
