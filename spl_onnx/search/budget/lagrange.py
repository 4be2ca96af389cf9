"""A search that spends the budget where it buys most: one price of loss for all sites.

1. The divergence of every option of every site alone is measured. Small ones of different sites add up.
2. For a price per nat of divergence, every site takes the option whose cost plus priced divergence is least.
   That is the cheapest configuration for its sum of divergences (Shoham and Gersho, "Efficient bit allocation
   for an arbitrary set of quantizers", 1988, for the same problem with bits instead of time).
3. The lowest price whose configuration, run as a whole, stays within the budget is found by bisection.
4. What is left of the budget is spent one site at a time, best gain per loss first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from spl_onnx.progress import Progress, silent
from spl_onnx.search.budget.problem import Evaluate, Option, Problem, SiteOptions

#: Divergence of every option of a site alone.
Losses = dict[str, tuple[float, ...]]

#: Bisections of the price on a logarithmic scale: 10 resolve a thousandth of its range.
_HALVINGS = 10
#: Divergences and errors below this are rounding.
_LEAST = 1e-9
#: Configurations tried with what is left of the budget, and refusals in a row that end it.
_POLISH, _PATIENCE = 16, 4


def site_losses(
    sites: Sequence[SiteOptions],
    evaluate: Evaluate,
    hold: Callable[[str], None],
    progress: Progress = silent,
) -> Losses:
    """Divergence of every option when its site alone is converted.

    Three options of a site are measured. Divergence grows like a power of the layer's error, so the others
    are read off between them.

    Args:
        sites: in graph order, so that the state kept before one site serves the next.
        evaluate: judges a configuration.
        hold: keeps the state of the exact network before a site.
        progress: told 1 for every option that is measured.
    """
    losses: Losses = {}
    for site in sites:
        if site.options:
            hold(site.site)
        measured = {}
        for index in measured_options(site):
            quality = evaluate({site.site: site.options[index].setting})
            measured[index] = max(_LEAST, quality.divergence)
            progress(1)
        losses[site.site] = _between([option.error for option in site.options], measured)
    return losses


def measured_options(site: SiteOptions) -> list[int]:
    """Which options of a site are measured: the first, the last and one between them."""
    last = len(site.options) - 1
    return sorted({0, last // 2, last}) if site.options else []


def _between(errors: Sequence[float], measured: dict[int, float]) -> tuple[float, ...]:
    """Divergences at all errors, on straight lines between the measured ones, both on logarithmic scales."""
    if not all(math.isfinite(loss) for loss in measured.values()) or not measured:
        return tuple(measured.get(i, math.inf) for i in range(len(errors)))
    at = [math.log(max(errors[i], _LEAST)) for i in measured]
    losses = [math.log(loss) for loss in measured.values()]
    found = np.exp(np.interp([math.log(max(error, _LEAST)) for error in errors], at, losses))
    return tuple(measured.get(i, float(loss)) for i, loss in enumerate(found))


def at_price(sites: Sequence[SiteOptions], losses: Losses, price: float) -> dict[str, Option]:
    """The configuration of a price per nat: for each site the least cost plus priced divergence."""
    chosen = {}
    for site in sites:
        best, least = None, site.exact
        for option, loss in zip(site.options, losses[site.site], strict=True):
            if option.cost + price * loss < least:
                best, least = option, option.cost + price * loss
        if best is not None:
            chosen[site.site] = best
    return chosen


def lagrange(problem: Problem, losses: Losses, progress: Progress = silent) -> dict[str, Option]:
    """The option of each site that is not exact.

    Args:
        problem: the network.
        losses: from `site_losses`.
        progress: told 1 for every configuration that was judged.
    """
    best = lowest_price(problem, losses, progress)
    return _polish(problem, losses, best, progress)


def lowest_price(
    problem: Problem, losses: Losses, progress: Progress = silent, share: float = 1.0
) -> dict[str, Option]:
    """The configuration of the lowest price that loses no more than a share of the budget.

    The price is bisected on a logarithmic scale; every configuration is judged once.

    Args:
        problem: the network.
        losses: from `site_losses`.
        progress: told 1 for every configuration that was judged.
        share: of the budget, above 0 and up to 1.
    """
    low, high = _price_range(problem.sites, losses)
    best: dict[str, Option] = {}
    judged: dict[tuple[tuple[str, str], ...], bool] = {}
    for halving in range(_HALVINGS):
        price = low if halving == 0 else math.sqrt(low * high)
        chosen = at_price(problem.sites, losses, price)
        key = tuple((name, option.setting.key) for name, option in chosen.items())
        if key not in judged:
            judged[key] = problem.allowed(problem.look(f"price {price:.3g}", chosen), share)
            progress(1)
        if judged[key]:
            best, high = (chosen, price) if problem.cost(chosen) <= problem.cost(best) else (best, price)
            if halving == 0:
                return best
        else:
            low = price
    return best


def _price_range(sites: Sequence[SiteOptions], losses: Losses) -> tuple[float, float]:
    """A price at which every site takes its cheapest option, and one at which none takes any."""
    gains = [
        (site.exact - option.cost) / loss
        for site in sites
        for option, loss in zip(site.options, losses[site.site], strict=True)
        if loss > 0.0 and math.isfinite(loss) and option.cost < site.exact
    ]
    if not gains:
        return 1.0, 1.0
    return min(gains) * 1e-3, max(gains) * 2.0


def _polish(
    problem: Problem, losses: Losses, chosen: dict[str, Option], progress: Progress
) -> dict[str, Option]:
    """Try single steps down the ladders, best gain per loss first, and keep those within the budget."""
    tried: set[tuple[str, str]] = set()
    refused = 0
    while len(tried) < _POLISH and refused < _PATIENCE:
        step = next((s for s in _steps(problem.sites, losses, chosen) if s not in tried), None)
        if step is None:
            break
        tried.add(step)
        site = next(site for site in problem.sites if site.site == step[0])
        option = next(option for option in site.options if option.setting.key == step[1])
        attempt = {**chosen, site.site: option}
        if problem.allowed(problem.look(f"{site.site}: {option.setting.label}", attempt)):
            chosen, refused = attempt, 0
        else:
            refused += 1
        progress(1)
    return chosen


def _steps(
    sites: Sequence[SiteOptions], losses: Losses, chosen: dict[str, Option]
) -> Iterator[tuple[str, str]]:
    """The next cheaper option of every site, best gain per additional loss first."""
    found = []
    for site in sites:
        now = chosen.get(site.site)
        cost = site.exact if now is None else now.cost
        known = dict(zip([o.setting.key for o in site.options], losses[site.site], strict=True))
        loss = 0.0 if now is None else known[now.setting.key]
        for option in site.options:
            if option.cost < cost:
                more = max(known[option.setting.key] - loss, 1e-12)
                found.append(((cost - option.cost) / more, site.site, option.setting.key))
                break
    yield from ((name, key) for _, name, key in sorted(found, reverse=True))
