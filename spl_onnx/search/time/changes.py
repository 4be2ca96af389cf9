"""Changes of a choice that are worth trying on the whole network.

Layout conversions cost time at every border between converted and dense sites, and one site is seldom enough
to be seen through the noise. So the changes are, in this order: the sites that lose least by it all together
to the other side, a whole run of neighbours (in graph order) to the other side, one site to another choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from spl_onnx.options import Choice
from spl_onnx.search.time.choose import ORDER, Choices, fastest
from spl_onnx.search.time.site_times import SiteTimes


@dataclass(frozen=True)
class Change:
    """A change.

    Attributes:
        choices: of all sites after it.
        loss_ms: how much slower the nodes of the sites get, by their own times; below 0 = quicker.
        sites: how many sites it changes.
    """

    choices: Choices
    loss_ms: float
    sites: int


#: Shares of the sites on one side that change together.
_SHARES = (0.25, 0.5, 0.75, 1.0)


def changes(times: Sequence[SiteTimes], choices: Choices) -> list[Change]:
    """All changes from these choices; within a kind the one that loses least by node times first."""
    kinds = (_together(times, choices), _runs(times, choices), _single(times, choices))
    ordered = [
        change for kind in kinds for change in sorted(kind, key=lambda change: (change.loss_ms, change.sites))
    ]
    return list({change.choices: change for change in reversed(ordered)}.values())[::-1]


def _by_loss(change: Change) -> tuple[float, int]:
    return change.loss_ms, change.sites


def _usable(times: Sequence[SiteTimes]) -> list[int]:
    return [i for i, site in enumerate(times) if len(site.ms) > 1 and Choice.DENSE in site.ms]


def _other_side(site: SiteTimes, choice: Choice) -> Choice:
    return fastest(site, ORDER[1:]) if choice == Choice.DENSE else Choice.DENSE


def _together(times: Sequence[SiteTimes], choices: Choices) -> Iterator[Change]:
    """The quarter, half, ... of one side's sites that lose least on the other side."""
    for converted in (False, True):
        side = [i for i in _usable(times) if (choices[i] != Choice.DENSE) == converted]
        other = {i: _other_side(times[i], choices[i]) for i in side}
        side.sort(key=lambda i: times[i].ms[other[i]] - times[i].ms[choices[i]])
        for size in sorted({round(share * len(side)) for share in _SHARES} - {0, 1}):
            yield _change(times, choices, {i: other[i] for i in side[:size]})


def _single(times: Sequence[SiteTimes], choices: Choices) -> Iterator[Change]:
    for i, site in enumerate(times):
        if Choice.DENSE not in site.ms:
            continue
        for other in ORDER:
            if other in site.ms and other != choices[i]:
                yield _change(times, choices, {i: other})


def _runs(times: Sequence[SiteTimes], choices: Choices) -> Iterator[Change]:
    """Runs of at least two neighbours on the same side of the border, taken to the other side."""
    for _, group in groupby(_usable(times), key=lambda i: choices[i] != Choice.DENSE):
        run = list(group)
        if len(run) > 1:
            yield _change(times, choices, {i: _other_side(times[i], choices[i]) for i in run})


def _change(times: Sequence[SiteTimes], choices: Choices, new: dict[int, Choice]) -> Change:
    loss = sum(times[i].ms[other] - times[i].ms[choices[i]] for i, other in new.items())
    return Change(tuple(new.get(i, old) for i, old in enumerate(choices)), loss, len(new))
