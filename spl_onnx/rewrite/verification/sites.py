"""Checking the sites of a plan one by one, each beside what it replaces."""

from __future__ import annotations

from spl_onnx.arrays import Array
from spl_onnx.errors import PluginError, VerificationError
from spl_onnx.rewrite.graph.tensors import total_bytes
from spl_onnx.rewrite.model.model_io import MAX_INLINE_BYTES
from spl_onnx.rewrite.process.child import one_line
from spl_onnx.rewrite.process.runner import RunError
from spl_onnx.rewrite.sites.plan import Key, Plan
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.side_by_side import Finding, findings, side_by_side


class WrongSites(VerificationError):  # noqa: N818  it tells which sites
    """Some sites differ from what they replace.

    Attributes:
        reasons: Why, by site.
    """

    def __init__(self, reasons: dict[Key, str]) -> None:
        self.reasons = reasons
        names = ", ".join(site for site, _ in reasons)
        super().__init__(f"of the rewritten model, {names}: {next(iter(reasons.values()))}")


def check_sites(original: Original, plan: Plan) -> dict[str, object] | str:
    """Compare every rewritten site of the main graph with what it replaces, all of them exact.

    What was found is kept in `original`, for a plan of fewer sites.

    Returns:
        For the report: how many were compared, the largest difference, and those of which it proves nothing;
        or why none was compared.

    Raises:
        WrongSites: Some differ.
    """
    wanted = {(entry.site, entry.rule) for entry in plan.sites if entry.is_rewritten}
    if not original.sites_skipped and not wanted <= original.findings.keys():
        original.sites_skipped = _compare(original, plan)
    if original.sites_skipped:
        return f"skipped: {original.sites_skipped}"
    found = [finding for key in wanted if (finding := original.findings[key]) is not None]
    wrong = {_key(finding): _reason(finding) for finding in found if finding.is_wrong}
    if wrong:
        raise WrongSites(wrong)
    proved = [finding for finding in found if finding.is_proved]
    return {
        "compared": len(proved),
        "difference": max((finding.difference for finding in proved), default=0.0),
        "unproved": sorted(finding.site.site for finding in found if not finding.is_proved),
    }


def _compare(original: Original, plan: Plan) -> str:
    """Fill the findings of `original`; returns why that is impossible."""
    model = original.loaded.model
    if 2 * total_bytes(model) > MAX_INLINE_BYTES:
        return "the model is too large to hold its sites twice"
    try:
        beside, watched = side_by_side(model, plan, original.weights)
        names = tuple(name for entry in watched for name in entry.outputs)
        with original.as_source(beside) as source:
            runs = _runs(original, source, names) if names else []
    except RunError as error:
        return str(error)
    except MemoryError:
        raise
    except Exception as error:  # the comparison is an extra: what it stumbles over may still be right
        return one_line(error)
    # Sites in bodies of If and Loop have no finding of their own.
    original.findings |= {(entry.site, entry.rule): None for entry in plan.sites if entry.is_rewritten}
    original.findings |= {_key(finding): finding for finding in findings(watched, runs)}
    return ""


def _runs(original: Original, source: bytes | str, names: tuple[str, ...]) -> list[list[Array]]:
    """With the library, or with the dense bodies where it cannot be used."""
    try:
        return original.run_noisy(source, names, plugin=True)
    except PluginError:
        return original.run_noisy(source, names, plugin=False)


def _key(finding: Finding) -> Key:
    return finding.site.site, finding.site.rule


def _reason(finding: Finding) -> str:
    return (
        f"the site differs from what it replaces by {finding.difference:.3g} of the largest value, "
        f"wanted at most {finding.tolerance:.3g}"
    )
