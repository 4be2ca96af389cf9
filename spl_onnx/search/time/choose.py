"""The choice for each site by the times of its nodes, and its reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spl_onnx.options import TIMED_CHOICES, Choice
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from spl_onnx.search.time.site_times import SiteTimes

#: What becomes of each site, in the order of the sites.
Choices = tuple[Choice, ...]
#: Settings of a site for each choice, by site and rule; those that are not there have none.
ChoiceSettings = dict[tuple[str, str], dict[Choice, SiteSettings]]

ORDER = TIMED_CHOICES
_UNKNOWN = "its dense time could not be measured"


def fastest(times: SiteTimes, among: Sequence[Choice] = ORDER) -> Choice:
    """The quickest choice; of equal ones the one that changes less, and dense where its time is not known."""
    if Choice.DENSE not in times.ms:
        return Choice.DENSE
    timed = (choice for choice in ORDER if choice in among and choice in times.ms)
    return min(timed, key=times.ms.__getitem__, default=Choice.DENSE)


def by_node_times(times: Sequence[SiteTimes]) -> Choices:
    """The quickest choice of every site, as if neighbours did not matter."""
    return tuple(fastest(site) for site in times)


def all_converted(times: Sequence[SiteTimes]) -> Choices:
    """Every site converted, in the quicker way."""
    return tuple(fastest(site, ORDER[1:]) for site in times)


def all_in_8_bits(times: Sequence[SiteTimes]) -> Choices:
    """Every site that may be so in 8 bits, also where that is slower: floats between them cost more."""
    return tuple(Choice.INT8 if Choice.INT8 in site.ms else fastest(site, ORDER[1:]) for site in times)


def starts(times: Sequence[SiteTimes]) -> list[Choices]:
    """Choices worth timing on the whole network before single changes, each once."""
    return list(dict.fromkeys((by_node_times(times), all_converted(times), all_in_8_bits(times))))


def reason_of(times: SiteTimes, choice: Choice) -> str:
    """All times of a site, and why a slower one was taken."""
    if Choice.DENSE not in times.ms:
        return _UNKNOWN
    text = ", ".join(f"{name} {times.ms[name]:.3g} ms" for name in ORDER if name in times.ms)
    return text if choice == fastest(times) else f"{text}; quicker in the whole network"


def converted_plan(plan: Plan, choice: Choice, settings: ChoiceSettings) -> Plan:
    """A plan with every convertible site converted in one way, with its settings for it.

    Args:
        plan: every site predicted where it can be, else lossless.
        choice: lossless, predict or int8; what cannot be predicted, or has no settings for int8, stays
            lossless.
        settings: settings of the sites.
    """
    made = Plan([replace(entry) for entry in plan.sites])
    for entry in made.sites:
        if entry.is_rewritten:
            known = settings.get((entry.site, entry.rule), {})
            possible = choice in known if choice == Choice.INT8 else entry.choice == Choice.PREDICT
            wanted = choice if possible else Choice.LOSSLESS
            own = entry.settings if wanted == entry.choice else NOTHING_SET
            _set(entry, wanted, known.get(wanted, own))
    return made


def exactness(settings: SiteSettings) -> Choice:
    """Lossless with settings is no longer exact, and is called so."""
    return Choice.TRUNCATE if settings.names else Choice.LOSSLESS


def _set(entry: SitePlan, choice: Choice, settings: SiteSettings) -> None:
    entry.become(exactness(settings) if choice == Choice.LOSSLESS else choice, settings)


def apply_choices(plan: Plan, times: Sequence[SiteTimes], choices: Choices, settings: ChoiceSettings) -> Plan:
    """A plan with these choices.

    Args:
        plan: all candidates; those that are no sites keep their entries.
        times: of the sites.
        choices: one for each site.
        settings: of the sites.

    Returns:
        A new plan with times and reasons.
    """
    chosen = {(t.site, t.rule): (t, c) for t, c in zip(times, choices, strict=True)}
    return Plan([_entry(entry, chosen, settings) for entry in plan.sites])


def _entry(
    entry: SitePlan, chosen: dict[tuple[str, str], tuple[SiteTimes, Choice]], settings: ChoiceSettings
) -> SitePlan:
    key = entry.site, entry.rule
    if key not in chosen:
        return entry
    times, choice = chosen[key]
    made = SitePlan(
        entry.site,
        entry.rule,
        choice,
        reason=reason_of(times, choice),
        layer=entry.layer,
        macs_per_output=entry.macs_per_output,
        dense_ms=times.ms.get(Choice.DENSE),
        now_ms=times.ms.get(choice),
    )
    known = {} if choice == Choice.DENSE else settings.get(key, {})
    _set(made, choice, known.get(choice, NOTHING_SET))
    return made
