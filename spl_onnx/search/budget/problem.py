"""What every search works on: the options of each site with their costs, and a network that can be judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from spl_onnx.measure.compare import ROUNDING
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.settings import Config, Setting


@dataclass(frozen=True)
class Option:
    """A setting of a site.

    Attributes:
        setting: what the site becomes.
        cost: of the site then, in the unit of the problem.
        error: relative error of the layer's output on calibration samples.
        density: share of outputs that is computed.
    """

    setting: Setting
    cost: float
    error: float = 0.0
    density: float = 1.0


@dataclass(frozen=True)
class SiteOptions:
    """What a site may become.

    Attributes:
        site: its name.
        exact: the cost when nothing is given away.
        options: settings that give something away, dearest first; each is cheaper and has a larger error than
            the one before it.
        flops: dense work of the site for one sample.
    """

    site: str
    exact: float
    options: tuple[Option, ...]
    flops: float = 0.0


def ladder(options: Sequence[Option], exact: float) -> tuple[Option, ...]:
    """Options that no other one beats in both cost and error, dearest first, all cheaper than `exact`."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.cost, o.error)):
        if option.cost < exact and (not kept or option.error < kept[-1].error):
            kept.append(option)
    return tuple(reversed(kept))


@dataclass(frozen=True)
class Step:
    """A configuration that a search looked at, for the report.

    Attributes:
        label: what was tried.
        cost: of the whole network, as a share of the original's.
        loss: divergence.
        drop: loss of the metric.
        kept: whether the search went on from it.
    """

    label: str
    cost: float
    loss: float
    drop: float
    kept: bool

    def as_dict(self, step: int) -> dict[str, object]:
        """For the report."""
        return {"step": step, **self.__dict__}


Evaluate = Callable[[Config], Quality]
#: Tells the network before which site the next configurations will differ.
Hold = Callable[[Config, str], None]


@dataclass
class Problem:
    """A network with options for its sites.

    Attributes:
        sites: in graph order.
        rest: cost of everything that belongs to no site.
        whole: cost of the original, in the same unit.
        budget: the largest loss of the metric.
        evaluate: judges a configuration on all samples of the search.
        hold: keeps the network's state before a site.
        path: what was looked at so far.
        best: the cheapest configuration within the budget among them.
    """

    sites: Sequence[SiteOptions]
    rest: float
    whole: float
    budget: float
    evaluate: Evaluate
    hold: Hold = field(default=lambda config, site: None)
    path: list[Step] = field(default_factory=list)
    best: dict[str, Option] = field(default_factory=dict)

    def cost(self, chosen: Mapping[str, Option]) -> float:
        """Cost of the network as a share of the original's."""
        own = sum(chosen[site.site].cost if site.site in chosen else site.exact for site in self.sites)
        return float((self.rest + own) / self.whole) if self.whole else 1.0

    def allowed(self, quality: Quality, share: float = 1.0) -> bool:
        """Whether a loss is within the budget, or within a share of it."""
        return quality.drop <= share * self.budget + ROUNDING

    def look(self, label: str, chosen: Mapping[str, Option]) -> Quality:
        """Judge a configuration and note it."""
        quality = self.evaluate(config_of(chosen))
        cost, allowed = self.cost(chosen), self.allowed(quality)
        self.path.append(Step(label, cost, quality.divergence, quality.drop, allowed))
        if allowed and cost < self.cost(self.best):
            self.best = dict(chosen)
        return quality


def config_of(chosen: Mapping[str, Option]) -> Config:
    """Settings by site."""
    return {site: option.setting for site, option in chosen.items()}
