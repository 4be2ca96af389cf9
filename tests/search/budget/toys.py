"""Networks that are tables: what every option of every site costs and loses is known, and losses add up."""

from __future__ import annotations

import itertools

import numpy as np

from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.budget.problem import Option, Problem, SiteOptions
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.settings import Setting


class Toy:
    """Sites with ladders of options.

    Args:
        ladders: for every site its exact cost and its options, (cost, loss) from the dearest on.
        budget: the largest drop.
        unit: drop of a divergence of 1.
    """

    def __init__(self, ladders, budget, unit=1.0):
        self.losses = {}
        self.evaluated = []
        self.unit = unit
        self._held = None
        sites = []
        for i, (exact, steps) in enumerate(ladders):
            options = []
            for k, (cost, loss) in enumerate(steps, start=1):
                setting = Setting("truncate", SiteSettings(floor=float(k)), f"floor {k}")
                options.append(Option(setting, cost, error=float(k)))
                self.losses[f"s{i}", setting.key] = loss
            sites.append(SiteOptions(f"s{i}", exact, tuple(options), flops=exact))
        whole = 1.0 + sum(site.exact for site in sites)
        self.problem = Problem(sites, 1.0, whole, budget, self.evaluate, self.hold)

    def evaluate(self, config):
        """The sum of all losses; what was held must be true of the configuration."""
        self.evaluated.append(dict(config))
        if self._held is not None:
            known, behind = self._held
            for site in itertools.takewhile(lambda s: s.site != behind, self.problem.sites):
                assert config.get(site.site) == known.get(site.site), f"{site.site} differs before {behind}"
        loss = sum(self.losses[site, setting.key] for site, setting in config.items())
        return Quality(self.unit * loss, loss)

    def hold(self, config, site):
        """States before a site are kept for the next evaluations."""
        self._held = dict(config), site

    def loss(self, chosen):
        """The drop of a configuration."""
        return self.unit * sum(self.losses[site, option.setting.key] for site, option in chosen.items())

    def every(self):
        """All configurations."""
        names = [site.site for site in self.problem.sites]
        ways = [[None, *site.options] for site in self.problem.sites]
        for options in itertools.product(*ways):
            yield {name: option for name, option in zip(names, options, strict=True) if option is not None}

    def least(self):
        """The least cost of any configuration within the budget."""
        allowed = [chosen for chosen in self.every() if self.loss(chosen) <= self.problem.budget]
        return min(self.problem.cost(chosen) for chosen in allowed)


def random_toy(seed, sites=5, steps=3, budget=None, unit=1.0):
    """Ladders whose steps get cheaper and worse by random amounts."""
    rng = np.random.default_rng(seed)
    ladders = []
    for _ in range(sites):
        exact = rng.uniform(1, 10)
        costs = exact * np.sort(rng.uniform(0.1, 0.95, steps))[::-1]
        losses = np.cumsum(rng.exponential(1.0, steps))
        ladders.append((exact, list(zip(costs.tolist(), losses.tolist(), strict=True))))
    return Toy(ladders, rng.uniform(0.5, 6.0) if budget is None else budget, unit)
