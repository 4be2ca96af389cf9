"""The Lagrangian search with a visit of every site in the end, for objectives that have the time.

One price for all sites spends the divergence best, but what the budget limits is the metric, and some sites
can go on although their divergence is dear. So every site is visited once more, as by Algorithm 1, from where
the network stands. What a visit finds depends on where it begins and on chance, so there are two of them, as
unlike as may be: one begins where the budget is spent, the other where a price has spent half of it.
"""

from __future__ import annotations

from spl_onnx.progress import Progress, silent
from spl_onnx.search.budget.algorithm1 import in_order, visit
from spl_onnx.search.budget.lagrange import Losses, lagrange, lowest_price
from spl_onnx.search.budget.problem import Option, Problem

#: Share of the budget that is spent before the second visit.
_EARLY = 0.5


def thorough(problem: Problem, losses: Losses, progress: Progress = silent) -> dict[str, Option]:
    """The option of each site that is not exact; never dearer than what `lagrange` finds.

    Args:
        problem: the network.
        losses: from `site_losses`.
        progress: told 1 for every configuration and for every visit of a site.
    """
    late = lagrange(problem, losses, progress)
    early = lowest_price(problem, losses, progress, _EARLY)
    ends = [
        visit(problem, in_order(problem, order), start, progress)
        for start, order in ((late, "los"), (early, "fdos"))
    ]
    return min(ends, key=problem.cost)
