"""Spending the accuracy budget on operations that need not be done: the paper's objective."""

from __future__ import annotations

from dataclasses import replace

from spl_onnx.measure.flops import model_work
from spl_onnx.measure.shapes import Shape
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.predictors.site_settings import numbers
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.search import BudgetSearch, Found
from spl_onnx.search.budget.site_options import flop_options, predictor_specs
from spl_onnx.search.trials import trial_options


class FlopsSearch:
    """Finds predictions for the sites of a network, for one budget after the other.

    Args:
        search: the network.
        options: what to do.
        shapes: of the inputs, for one sample.
    """

    def __init__(
        self, search: BudgetSearch, options: RewriteOptions, shapes: dict[str, Shape | None]
    ) -> None:
        work = model_work(search.base, shapes)
        specs = predictor_specs(options)
        keeps = [spec.keep for spec in specs if spec.fitted]
        self._search, self._whole = search, work.dense
        self._sites = [
            flop_options(layer, work.sites[layer.site.name].dense, specs)
            for layer in search.layers(keeps)
            if layer.site.name in work.sites
        ]
        self._rest = work.dense - sum(site.flops for site in self._sites)

    def find(self, budget: float, scheme: str | None = None) -> Found:
        """What a loss of the metric up to `budget` buys; without a scheme, that of the options is used."""
        problem = self._search.problem(self._sites, self._rest, self._whole, budget)
        return self._search.search(problem, scheme)


def flops_plan(
    original: LoadedModel, options: RewriteOptions, found: Found, weights: SiteWeights | None = None
) -> Plan:
    """The plan that predicts what the search chose; other sites stay dense, or take their shift."""
    plan = plan_sites(original.model, trial_options(options), weights)
    for entry in plan.sites:
        if not entry.is_rewritten:
            continue
        option, shift = found.chosen.get(entry.site), found.shifts.get(entry.site)
        if option is not None:
            option.setting.apply(entry)
            entry.reason = option.setting.label
        elif shift is not None:
            entry.become(Choice.TRUNCATE, reason="exact but for its bias")
        else:
            entry.become(Choice.DENSE, reason="nothing to gain within the budget")
        if shift is not None:
            entry.settings = replace(entry.settings, shift=numbers(shift))
    return plan
