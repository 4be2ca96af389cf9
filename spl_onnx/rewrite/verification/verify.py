"""Checks of a rewritten model before it is written.

1. onnx.checker and strict shape inference pass, if they passed on the original.
2. Every site, made exact, equals what it replaces (`side_by_side.py`).
3. Without the library (dense fallback bodies), the outputs equal the original's to rounding. How large
   rounding is depends on the network, so it is measured on the original (`noise.py`). Where bytes are passed
   from site to site, or were in the original, shapes are compared only, and that values are finite.
4. With the library, if it is built, and all sites exact, so do the outputs.
5. With the library and the settings of the plan: same shapes and finite values, since predictions, floors and
   products in 8 bits change values.

All models run in a child process: one that ends it is a failed check.
"""

from __future__ import annotations

from contextlib import nullcontext

import onnx

from spl_onnx.arrays import Array
from spl_onnx.errors import PluginError, VerificationError
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.process.runner import RunError
from spl_onnx.rewrite.rules.registry import BYTE_RULES
from spl_onnx.rewrite.sites.plan import Plan, lossless_plan
from spl_onnx.rewrite.verification.checker import problem_of
from spl_onnx.rewrite.verification.compare import compare_form, compare_numbers
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.sites import check_sites
from spl_onnx.rewrite.verification.tolerance import LEAST_TOLERANCE, difference

__all__ = ["LEAST_TOLERANCE", "difference", "is_exact", "verify", "verify_exact"]


def verify(
    loaded: LoadedModel,
    rewritten: onnx.ModelProto,
    options: RewriteOptions,
    plan: Plan,
    original: Original | None = None,
) -> dict[str, object]:
    """Check `rewritten` against the original.

    Args:
        loaded: The original.
        rewritten: What was made of it.
        options: What the user asked for.
        plan: What became of each site.
        original: The original with its outputs, where it was run before.

    Returns:
        For the report: checker, input_shapes, tolerance (the largest one), outputs (noise and tolerance of
        each), sites, fallback_difference, library (differences, or why it was skipped), notes.

    Raises:
        VerificationError: A check failed.
        WrongSites: Some sites differ from what they replace.
    """
    if not any(site.is_rewritten for site in plan.sites):
        return {"skipped": "nothing was rewritten"}
    with nullcontext(original) if original is not None else Original(loaded, options) as known:
        sites, exact = verify_exact(known, plan)
        with known.as_source(rewritten) as source:
            report: dict[str, object] = {"checker": _check(known, rewritten, source), **_input(known)}
            report["sites"] = sites
            got = _run(known, source, "without the library")
            compare = compare_form if _passes_bytes(plan) else compare_numbers
            report["fallback_difference"] = compare(known, got, "without the library")
            report["library"] = _with_library(known, source, plan)
        if isinstance(report["library"], dict) and exact is not None:
            report["library"]["lossless_difference"] = exact
        report["notes"] = _notes(known, sites)
    return report


def verify_exact(original: Original, plan: Plan) -> tuple[dict[str, object] | str, float | None]:
    """Check what does not need the rewritten model: the sites one by one, and all of them exact.

    What was found is kept in `original`. So a large model need not be held exact and as planned at once.

    Args:
        original: The original with its outputs.
        plan: What becomes of each site.

    Returns:
        As `check_sites`; and the difference of the outputs with all sites exact, None where the plan is exact
        itself, layers between bytes are rewritten, or there is no library.

    Raises:
        VerificationError: A check failed.
        WrongSites: Some sites differ from what they replace.
    """
    sites = check_sites(original, plan)
    if is_exact(plan) or _is_of_bytes(plan):
        return sites, None
    key = frozenset((entry.site, entry.rule) for entry in plan.sites if entry.is_rewritten)
    if key not in original.exact_differences:
        original.exact_differences[key] = _exact_difference(original, plan)
    return sites, original.exact_differences[key]


def is_exact(plan: Plan) -> bool:
    """Whether the rewritten model computes what the original does, to rounding of float32."""
    exact = all(site.choice in (Choice.DENSE, Choice.LOSSLESS) for site in plan.sites)
    return exact and not _is_of_bytes(plan)


def _is_of_bytes(plan: Plan) -> bool:
    """Whether layers between bytes are rewritten, where rounding of float32 may change a byte by one."""
    return any(site.is_rewritten and site.rule in BYTE_RULES for site in plan.sites)


def _passes_bytes(plan: Plan) -> bool:
    """Whether the dense bodies are inexact too: bytes between them are rounded."""
    passes = any(site.is_rewritten and site.settings.passes_bytes for site in plan.sites)
    return passes or _is_of_bytes(plan)


def _input(original: Original) -> dict[str, object]:
    """What is known of the original, for the report."""
    compared = [bound for bound in original.bounds if bound.is_float and bound.compares]
    return {
        "input_shapes": {name: list(value.shape) for name, value in original.feeds.items()},
        "tolerance": max((bound.tolerance for bound in compared), default=LEAST_TOLERANCE),
        "outputs": [
            {
                "name": bound.name,
                "noise": bound.noise,
                "tolerance": bound.tolerance if bound.compares else None,
            }
            for bound in original.bounds
        ],
    }


def _check(original: Original, rewritten: onnx.ModelProto, source: bytes | str) -> str:
    if original.problem:  # whatever the checker dislikes in the input is not our doing
        return f"skipped, the original does not pass: {original.problem}"
    problem = problem_of(rewritten, source)
    if problem:
        raise VerificationError(f"the rewritten model is not valid: {problem}; please report this")
    return "passed"


def _run(original: Original, source: bytes | str, how: str, plugin: bool = False) -> list[Array]:
    try:
        return original.run(source, plugin=plugin)
    except RunError as error:
        raise VerificationError(f"the rewritten model fails, run {how}: {error}") from error


def _with_library(original: Original, source: bytes | str, plan: Plan) -> dict[str, object] | str:
    """Differences of the model as planned; why it was skipped."""
    try:
        got = _run(original, source, "with the library", plugin=True)
    except PluginError as error:
        return f"skipped: {error}"
    compare = compare_numbers if is_exact(plan) else compare_form
    return {"difference": compare(original, got, "with the library")}


def _exact_difference(original: Original, plan: Plan) -> float | None:
    """Difference of the same sites without what makes them inexact; None without the library."""
    how = "with the library and all sites exact"
    exact = apply(original.loaded.model, lossless_plan(plan), original.weights).model
    with original.as_source(exact) as source:
        try:
            got = _run(original, source, how, plugin=True)
        except PluginError:
            return None
    return compare_numbers(original, got, how)


def _notes(original: Original, sites: dict[str, object] | str) -> list[str]:
    """What the user should know: that the outputs prove nothing, and what was done instead."""
    if any(bound.proves for bound in original.bounds):
        return []
    noise = max((bound.noise for bound in original.bounds if bound.is_float), default=0.0)
    if noise == 0.0:
        why = "do not change when the layers round otherwise"
    elif noise == float("inf"):
        why = "change their size when the layers round otherwise"
    else:
        why = f"change by {noise:.2g} of their largest value when the layers round otherwise"
    count = sites["compared"] if isinstance(sites, dict) else 0
    if count:
        sites_were = "1 site was" if count == 1 else f"{count} sites were"
        instead = f"{sites_were} compared one by one instead"
    else:
        instead = "nor do its sites one by one; compare it on data"
    return [f"on made-up input the outputs of this model {why}, so they prove nothing; {instead}"]
