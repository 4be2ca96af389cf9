"""Spending the accuracy budget on operations that need not be done: the paper's objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spl_onnx.measure.flops import model_work
from spl_onnx.measure.shapes import Shape
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model_io import LoadedModel
from spl_onnx.rewrite.plan import Plan
from spl_onnx.rewrite.rewriter import rewrite_model
from spl_onnx.search.accuracy import AccuracySearch, Found
from spl_onnx.search.site_options import flop_options, predictor_specs


def search_flops(
    search: AccuracySearch, options: RewriteOptions, shapes: dict[str, Shape | None], budget: float
) -> Found:
    """Spend the budget on operations that need not be done.

    Args:
        search: the network.
        options: what to do.
        shapes: of the inputs, for one sample.
        budget: largest loss of the metric.
    """
    work = model_work(search.base, shapes)
    specs = predictor_specs(options)
    sites = [
        flop_options(layer, work.sites[layer.site.name].dense, specs)
        for layer in search.layers()
        if layer.site.name in work.sites
    ]
    rest = work.dense - sum(site.flops for site in sites)
    return search.search(search.problem(sites, rest, work.dense, budget))


def flops_plan(original: LoadedModel, options: RewriteOptions, found: Found) -> Plan:
    """The plan that predicts what the search chose; other sites stay dense, or take their shift."""
    rules = "all" if options.rules == "default" else options.rules
    plan = rewrite_model(original, replace(options, rules=rules, plan=None, dry_run=True)).plan
    for entry in plan.sites:
        if not entry.is_rewritten:
            continue
        option, shift = found.chosen.get(entry.site), found.shifts.get(entry.site)
        if option is not None:
            option.setting.apply(entry)
            entry.reason = option.setting.label
        elif shift is not None:
            entry.choice, entry.settings, entry.reason = "truncate", {}, "exact but for its bias"
        else:
            entry.choice, entry.settings, entry.reason = "dense", {}, "nothing to gain within the budget"
        if shift is not None:
            entry.settings["shift"] = [float(value) for value in np.asarray(shift)]
    return plan
