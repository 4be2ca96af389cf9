"""Time of every site as it is in the original, lossless, and predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from spl_onnx.measure.profile import NodeTime, Run
from spl_onnx.options import Choice
from spl_onnx.search.time.site_nodes import NodeNames, SiteNodes

#: Conversions between layouts: what they cost depends on the neighbours, so no site owns them.
LAYOUT = frozenset({"Transpose", "Squeeze", "Unsqueeze", "Reshape", "ReorderInput", "ReorderOutput"})
#: What operators with weights are called after ONNX Runtime has fused them.
_FUSIONS = {"Conv": ("Conv",), "Gemm": ("Gemm", "MatMul"), "MatMul": ("MatMul", "Gemm")}

#: Time of a site whose nodes the profile does not show; None where that is not known either.
Fallback = Callable[[SiteNodes], float | None]


@dataclass(frozen=True)
class SiteTimes:
    """What a site takes per run.

    Attributes:
        site: name of the site.
        rule: the rule that found it.
        ms: median milliseconds by choice; a choice that is missing was not possible or not measured.
    """

    site: str
    rule: str
    ms: dict[Choice, float] = field(default_factory=dict)


def site_times(
    sites: Sequence[SiteNodes], names: NodeNames, runs: dict[Choice, list[Run]], fallback: Fallback
) -> list[SiteTimes]:
    """Medians over the runs.

    Args:
        sites: the sites.
        names: of the original's nodes.
        runs: of the original ("dense") and of the model with all sites converted, by choice.
        fallback: asked for the dense time of sites whose node with the weights cannot be found.

    Returns:
        The times, in the order of `sites`.
    """
    dense = [_by_key(run, lambda event: names.find(event.name)) for run in runs[Choice.DENSE]]
    found = []
    for site in sites:
        ms: dict[Choice, float] = {}
        if (time := _dense_ms(site, dense)) is None:
            time = fallback(site)
        if time is not None:
            ms[Choice.DENSE] = time
        found.append(SiteTimes(site.site, site.rule, ms))
    for choice in (c for c in runs if c != Choice.DENSE):
        converted = [_by_key(run, lambda event: _site_of(event, names)) for run in runs[choice]]
        for site, times in zip(sites, found, strict=True):
            if any(site.site in run for run in converted):
                times.ms[choice] = _median(_converted(site, run) for run in converted)
    return found


def layout_ms(runs: Iterable[Run]) -> float:
    """Median time that the conversions between layouts take in a run."""
    return _median(sum(event.ms for event in run if event.op_type in LAYOUT) for run in runs)


Events = dict[str, list[NodeTime]]


def _by_key(run: Run, key: Callable[[NodeTime], str | None]) -> Events:
    grouped: Events = {}
    for event in run:
        if event.op_type not in LAYOUT and (name := key(event)) is not None:
            grouped.setdefault(name, []).append(event)
    return grouped


def _site_of(event: NodeTime, names: NodeNames) -> str | None:
    """Nodes of a converted site are named `<site>/<part>`; the node behind joined branches keeps its name."""
    if names.find(event.name) is not None:
        return None
    site, _, part = event.name.rpartition("/")
    return event.name if part == "concat" else site or None


def _sum(events: Events, keys: Iterable[str]) -> float:
    return sum(event.ms for key in keys for event in events.get(key, []))


def _dense_ms(site: SiteNodes, runs: list[Events]) -> float | None:
    """Median time of the original's nodes; None where the one with the weights is not found."""
    if not all(_shows_anchor(site, run) for run in runs):
        return None
    return _median(_sum(run, site.own) + _sum(run, site.shared) / site.sharers for run in runs)


def _shows_anchor(site: SiteNodes, run: Events) -> bool:
    kinds = _FUSIONS.get(site.anchor_op, (site.anchor_op,))
    return any(kind in event.op_type for key in site.own for event in run.get(key, []) for kind in kinds)


def _converted(site: SiteNodes, run: Events) -> float:
    return _sum(run, [site.site]) + _sum(run, [site.joined]) / site.sharers


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))
