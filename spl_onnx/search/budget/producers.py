"""Which sites feed which: a site whose outputs are truncated makes the inputs of the next ones sparser."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from spl_onnx.measure.sites import constants, converted_sites, is_operator
from spl_onnx.spec.attributes import LRN, MAX_POOL, SRMM

#: Operators behind which a 0 is still a 0, most of the time.
_KEEP_ZEROS = frozenset(
    {
        *("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"),
        *("Concat", "MaxPool", "Pad", "Slice", "Split", "Relu", "Clip", "LRN", "Mul"),
        *(MAX_POOL, LRN),
    }
)


def producers(model: onnx.ModelProto) -> dict[str, dict[str, float]]:
    """For each site, the sites whose outputs are its input, with their share of its channels.

    Args:
        model: a rewritten model.

    Returns:
        Shares by site, which sum to 1; a site that no other one feeds is left out.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    sites = converted_sites(model)
    srmm = [node for node in model.graph.node if is_operator(node, SRMM)]
    by_output = {node.output[0]: site for node, site in zip(srmm, sites, strict=True)}
    weights = constants(model)
    widths = {site.name: weights[site.w].dims[1 if site.transposed else 0] for site in sites}
    found = {}
    for site in sites:
        feeding = [by_output[t] for t in dict.fromkeys(_sources(site.x, makers, set())) if t in by_output]
        total = sum(widths[other.name] for other in feeding)
        if feeding:
            found[site.name] = {other.name: widths[other.name] / total for other in feeding}
    return found


def _sources(tensor: str, makers: dict[str, onnx.NodeProto], seen: set[str]) -> Iterator[str]:
    """Tensors that a tensor is a rearrangement of, up to the operators that compute."""
    if tensor in seen:
        return
    seen.add(tensor)
    node = makers.get(tensor)
    if node is None or is_operator(node, SRMM) or node.op_type not in _KEEP_ZEROS:
        yield tensor
        return
    for name in node.input:
        if name:
            yield from _sources(name, makers, seen)
