"""The steps of a rewrite one after the other: check the original, plan, apply, verify.

Each step is a function of `rewrite/`; here the options say which ones are left out. Nothing is measured and
nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx

from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.rewrite.edit.apply import Applied, apply
from spl_onnx.rewrite.edit.int8_weights import store_int8_weights
from spl_onnx.rewrite.model.model_io import LoadedModel, read_model
from spl_onnx.rewrite.model.validity import require_rewritable, require_valid
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.sites.planner import complete_plan, plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.repair import apply_checked


def rewrite_model(
    model: onnx.ModelProto | str | Path | LoadedModel,
    options: RewriteOptions | None = None,
    plan: Plan | None = None,
) -> RewriteResult:
    """Rewrite `model` as `options` say. Sites that fail the checks of the result are left as they are.

    Args:
        model: A model (which is not changed), the path of one, or what `read_model` returned.
        options: What to do.
        plan: Choices to apply; without it those of `options.plan`, else the rules decide.

    Raises:
        ModelError: The model cannot be read, is not valid or has nodes of our operators already.
        UsageError: A rule or a site of the plan is unknown.
        VerificationError: The original does not run, so nothing can be checked.
    """
    options, weights = options or RewriteOptions(), SiteWeights()
    loaded = model if isinstance(model, LoadedModel) else read_model(model)
    check_original(loaded, options)
    return carry_out(loaded, make_plan(loaded, options, weights, plan), options, weights)


def check_original(loaded: LoadedModel, options: RewriteOptions) -> None:
    """Refuse a model that cannot be rewritten; one that is not valid only where results are verified.

    Raises:
        ModelError: It cannot be.
    """
    require_rewritable(loaded)
    if not options.no_verify:
        require_valid(loaded)


def make_plan(
    loaded: LoadedModel, options: RewriteOptions, weights: SiteWeights, plan: Plan | None = None
) -> Plan:
    """What becomes of every candidate: as in `plan`, or the file that the options name, or by the rules.

    Raises:
        UsageError: A rule or a site of the plan is unknown.
    """
    if plan is None and options.plan is not None:
        plan = Plan.read(options.plan)
    if plan is None:
        return plan_sites(loaded.model, options, weights)
    return complete_plan(loaded.model, plan, weights)


def carry_out(
    loaded: LoadedModel, plan: Plan, options: RewriteOptions, weights: SiteWeights
) -> RewriteResult:
    """The plan carried out as far as the options want: not at all, unchecked, or checked; errors as both."""
    if options.dry_run:
        applied = Applied(loaded.model, plan)
    elif options.no_verify:
        applied = apply(loaded.model, plan, weights)
    else:
        applied = apply_checked(loaded, plan, options, weights)
    if options.weights == "int8" and not options.dry_run:
        applied.notes.extend(_store_int8(applied.model))
    result = RewriteResult.of(loaded, options, applied)
    if options.is_in_8_bits and options.data is None:
        result.report["notes"] += _risk(result.plan)
    return result


def _store_int8(model: onnx.ModelProto) -> list[str]:
    """Store weights as int8, in place; what the user should know of it."""
    if store_int8_weights(model):
        return []
    return ["--weights int8 changed nothing: no site multiplies in 8 bits"]


def _risk(plan: Plan) -> list[str]:
    """What the user should know of sites in 8 bits that nobody has measured."""
    count = sum(site.choice == Choice.INT8 for site in plan.sites)
    if not count:
        return []
    sites = "1 site multiplies" if count == 1 else f"{count} sites multiply"
    return [
        f"{sites} in 8 bits, with ranges of the inputs found while it runs; what that loses was not "
        "measured: compare it on data (--data, or spl-onnx compare)"
    ]


def carry_out_found(
    loaded: LoadedModel,
    plan: Plan,
    found: Mapping[str, object],
    options: RewriteOptions,
    weights: SiteWeights,
) -> RewriteResult:
    """The plan of a search carried out; the original itself where nothing is worth converting.

    Args:
        loaded: The original.
        plan: What the search chose.
        found: What it tells, for the entry `search` of the report.
        options: As for `carry_out`.
        weights: Of the sites of the original.
    """
    result = carry_out(loaded, plan, options, weights)
    if not any(site.is_rewritten for site in result.plan.sites):
        result.model = loaded.model
    result.report["search"] = dict(found)
    return result
