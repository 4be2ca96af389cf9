"""Which sites pass bytes, and in which codes: from the ranges of their tensors over samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from spl_onnx.rewrite.bytes.groups import Groups, TakesBytes
from spl_onnx.rewrite.bytes.norms import norms_between
from spl_onnx.rewrite.bytes.sites import ByteSite, CodePair, SiteCodes, byte_sites
from spl_onnx.spec.quantize import dynamic_scale

#: Least and largest value of a tensor.
Range = tuple[float, float]


def code_of(ranges: list[Range]) -> CodePair:
    """Scale and zero point that fit all values of some ranges, and 0, into bytes."""
    scale, zero_point = dynamic_scale(np.array(ranges, np.float32), (0, 1))
    return float(scale.item()), float(zero_point.item())


def tensors_in_8_bits(graph: onnx.GraphProto) -> list[str]:
    """The tensors whose ranges `choose_codes` wants: those of sites, and all that are joined with them."""
    groups = Groups(graph)
    members = groups.members()
    wanted: dict[str, None] = {}
    for site in byte_sites(graph):
        for tensor in (*site.reads, site.y):
            wanted |= dict.fromkeys((tensor, *members.get(groups.of(tensor), ())))
    return list(wanted)


def choose_codes(graph: onnx.GraphProto, ranges: Mapping[str, Range]) -> dict[str, SiteCodes]:
    """Codes of the sites that pass bytes, by name of the site.

    Bytes are worth their while where a site hands them to another one, as they are or normalised. A site that
    takes or gives such bytes has bytes on its other side too, where they are made of floats or floats are
    made of them.

    Args:
        graph: Of a rewritten model.
        ranges: Of `tensors_in_8_bits`; a site stays as it is where one is missing or not finite.
    """
    groups = Groups(graph)
    members = groups.members()

    def joined(tensor: str) -> list[str]:
        return members.get(groups.of(tensor), [tensor])

    def is_known(site: ByteSite) -> bool:
        tensors = [name for tensor in (*site.reads, site.y) for name in joined(tensor)]
        return all(name in ranges and np.isfinite(ranges[name]).all() for name in tensors)

    known = [site for site in byte_sites(graph) if is_known(site)]
    norms = norms_between(graph, groups, known)
    both: list[TakesBytes] = [*known, *norms]
    handed_on = {groups.of(s.y) for s in both} & {groups.of(name) for s in both for name in s.reads}
    chosen = [s for s in known if handed_on & {groups.of(name) for name in (*s.reads, s.y)}]
    as_bytes = groups.as_bytes([*chosen, *norms])

    def code(tensor: str) -> CodePair:
        shared = joined(tensor) if groups.of(tensor) in as_bytes else [tensor]
        return code_of([ranges[name] for name in shared])

    return {
        site.name: SiteCodes(code(site.x), code(site.y), None if site.r is None else code(site.r))
        for site in chosen
    }
