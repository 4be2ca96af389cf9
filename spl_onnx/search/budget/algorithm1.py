"""Algorithm 1 of the paper, as its abstract suggests it.

Sites are visited in an order. Each is given the cheapest setting with which the network, all earlier sites
converted, stays within the budget. (Yao, Huang, Shen, Ming, "Deep Neural Network Acceleration With Sparse
Prediction Layers", IEEE Access 8, 2020.) The settings, the reference setting of the susceptibility and the
bisection are choices of this project.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from spl_onnx.progress import Progress, silent
from spl_onnx.search.budget.problem import Option, Problem, SiteOptions, config_of

ORDERS = ("los", "rlos", "fdos", "saos")


def algorithm_1(problem: Problem, order: str, progress: Progress = silent) -> dict[str, Option]:
    """The option of each site that is not exact.

    Args:
        problem: the network; a site's options are a ladder (cheaper = more error), so that the cheapest
            allowed one is found by bisection.
        order: los (layer order), rlos (reversed), fdos (dense work, largest first) or saos (susceptibility,
            smallest first).
        progress: told 1 for every site that is decided.

    Returns:
        Options by site.
    """
    return visit(problem, in_order(problem, order), {}, progress)


def visit(
    problem: Problem, sites: Sequence[SiteOptions], chosen: dict[str, Option], progress: Progress = silent
) -> dict[str, Option]:
    """Give each site in turn its cheapest option with which the network stays within the budget.

    Args:
        problem: the network.
        sites: in the order of the visits.
        chosen: where to start, within the budget; a site keeps its option where no cheaper one is allowed.
        progress: told 1 for every site that is decided.

    Returns:
        Options by site.
    """
    for site in sites:
        problem.hold(config_of(chosen), site.site)
        found = _cheapest(problem, replace(site, options=cheaper(site, chosen.get(site.site))), chosen)
        if found is not None:
            chosen = {**chosen, site.site: found}
        progress(1)
    return chosen


def cheaper(site: SiteOptions, now: Option | None) -> tuple[Option, ...]:
    """The options of a site that cost less than the one it has; None is the exact site."""
    return tuple(option for option in site.options if now is None or option.cost < now.cost)


def in_order(problem: Problem, order: str) -> list[SiteOptions]:
    """Sites with options, in one of the orders; ties keep the order of the layers."""
    sites = [site for site in problem.sites if site.options]
    keys: dict[str, Callable[[SiteOptions], float]] = {
        "fdos": lambda site: -site.flops,
        "saos": lambda site: susceptibility(problem, site),
    }
    if order == "los":
        return sites
    if order == "rlos":
        return sites[::-1]
    return sorted(sites, key=keys[order])


def susceptibility(problem: Problem, site: SiteOptions) -> float:
    """Divergence of the network when this site alone is converted, at the middle of its options."""
    problem.hold({}, site.site)
    reference = site.options[len(site.options) // 2]
    return problem.look(f"{site.site} alone: {reference.setting.label}", {site.site: reference}).divergence


def _cheapest(problem: Problem, site: SiteOptions, chosen: dict[str, Option]) -> Option | None:
    """The cheapest option of a site that stays within the budget; None where there is none."""
    best = bisect(
        site.options,
        lambda option: problem.allowed(
            problem.look(f"{site.site}: {option.setting.label}", {**chosen, site.site: option})
        ),
    )
    return None if best is None else site.options[best]


def bisect(options: Sequence[Option], is_allowed: Callable[[Option], bool]) -> int | None:
    """Index of the last option that is allowed, where options after a refused one are refused too."""
    low, high = -1, len(options)
    probe = high - 1  # The last one is often allowed: most sites matter little.
    while high - low > 1:
        if is_allowed(options[probe]):
            low = probe
        else:
            high = probe
        probe = (low + high) // 2
    return None if low < 0 else low
