"""The choice for each site by the times of its nodes, and its reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spl_onnx.rewrite.plan import Plan, SitePlan
from spl_onnx.search.site_times import SiteTimes

#: What becomes of each site, in the order of the sites.
Choices = tuple[str, ...]

ORDER = ("dense", "lossless", "predict")
_UNKNOWN = "its dense time could not be measured"


def fastest(times: SiteTimes, among: Sequence[str] = ORDER) -> str:
    """The quickest choice; of equal ones the one that changes less, and dense where its time is not known."""
    if "dense" not in times.ms:
        return "dense"
    return min((c for c in ORDER if c in among and c in times.ms), key=times.ms.__getitem__, default="dense")


def by_node_times(times: Sequence[SiteTimes]) -> Choices:
    """The quickest choice of every site, as if neighbours did not matter."""
    return tuple(fastest(site) for site in times)


def all_converted(times: Sequence[SiteTimes]) -> Choices:
    """Every site converted, in the quicker way."""
    return tuple(fastest(site, ORDER[1:]) for site in times)


def describe(times: SiteTimes, choice: str) -> str:
    """All times of a site, and why a slower one was taken."""
    if "dense" not in times.ms:
        return _UNKNOWN
    text = ", ".join(f"{name} {times.ms[name]:.3g} ms" for name in ORDER if name in times.ms)
    return text if choice == fastest(times) else f"{text}; quicker in the whole network"


def apply_choices(
    plan: Plan, times: Sequence[SiteTimes], choices: Choices, settings: dict[tuple[str, str], dict[str, Any]]
) -> Plan:
    """A plan with these choices.

    Args:
        plan: all candidates; those that are no sites keep their entries.
        times: of the sites.
        choices: one for each site.
        settings: of the prediction, by site and rule.

    Returns:
        A new plan with times and reasons.
    """
    chosen = {(t.site, t.rule): (t, c) for t, c in zip(times, choices, strict=True)}
    return Plan([_entry(entry, chosen, settings) for entry in plan.sites])


def _entry(
    entry: SitePlan,
    chosen: dict[tuple[str, str], tuple[SiteTimes, str]],
    settings: dict[tuple[str, str], dict[str, Any]],
) -> SitePlan:
    key = entry.site, entry.rule
    if key not in chosen:
        return entry
    times, choice = chosen[key]
    return SitePlan(
        entry.site,
        entry.rule,
        choice,
        settings=dict(settings.get(key, {})) if choice == "predict" else {},
        reason=describe(times, choice),
        layer=entry.layer,
        macs_per_output=entry.macs_per_output,
        dense_ms=times.ms.get("dense"),
        now_ms=times.ms.get(choice),
    )
