"""Before a search: layers whose exact sites fail their checks are left out, so that none ends the search."""

from __future__ import annotations

from dataclasses import replace

from spl_onnx.options import RewriteOptions, name_list
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.repair import apply_checked
from spl_onnx.search.trials import trial_options


def sound_options(
    original: LoadedModel, options: RewriteOptions, weights: SiteWeights | None = None
) -> tuple[RewriteOptions, dict[str, str]]:
    """Options that leave out the layers whose exact sites fail.

    Args:
        original: the model, which is not changed.
        options: what to do; nothing is tried where nothing is verified.
        weights: of the sites of the model.

    Returns:
        The options, and why each layer was left out.

    Raises:
        VerificationError: the original does not run on made-up input.
    """
    if options.no_verify:
        return options, {}
    exact = replace(trial_options(options), lossless=True, predictor="auto", keep=None)
    weights = weights or SiteWeights()
    made = apply_checked(original, plan_sites(original.model, exact, weights), options, weights)
    refused = {site.layer: site.reason for site in made.plan.sites if (site.site, site.rule) in made.refused}
    if not refused:
        return options, {}
    return replace(options, skip_layers=(*name_list(options.skip_layers), *refused)), refused


def note_left_out(result: RewriteResult, refused: dict[str, str]) -> None:
    """Say in plan and report of a result which layers were left out before the search, and why."""
    if not refused:
        return
    for site in result.plan.sites:
        site.reason = refused.get(site.layer, site.reason)
    names = ", ".join(list(refused)[:5]) + (f" and {len(refused) - 5} more" if len(refused) > 5 else "")
    note = f"left out of the search after a failed check: {names} ({next(iter(refused.values()))})"
    result.report["notes"] = [*result.report.get("notes", []), note]
