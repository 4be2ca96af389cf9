"""Rewriting a model: find the candidates, replace the chosen ones, clean up, check."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from spl_onnx.files import write_text
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.apply import Applied, Decided, carry_out, decide
from spl_onnx.rewrite.boundary import model_boundary
from spl_onnx.rewrite.local_functions import describe_unseen
from spl_onnx.rewrite.model_io import LoadedModel, check_unprotected, read_model, save_model
from spl_onnx.rewrite.own_nodes import require_original
from spl_onnx.rewrite.plan import Plan
from spl_onnx.rewrite.repair import Checked, checked
from spl_onnx.rewrite.rules.registry import ANCHORS
from spl_onnx.rewrite.validity import require_inferable, require_valid


@dataclass
class RewriteResult:
    """What a rewrite gives back.

    Attributes:
        model: The rewritten model.
        plan: Every candidate and what became of it.
        report: A dict for JSON: sites, counts per rule, versions, verification.
        external_data: Whether weights belong in a separate file, as in the input; None = by size.
        threshold: Size of all weights in bytes above which they go to a separate file.
        protected: Files of the input's weights, which no output may replace.
        refused: Why a site that was to be rewritten was left dense after a failed check, by site and rule.
    """

    model: onnx.ModelProto
    plan: Plan
    report: dict[str, Any] = field(default_factory=dict)
    external_data: bool | None = None
    threshold: int = 1 << 30
    protected: tuple[Path, ...] = ()
    refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write the model, all or nothing; a failure leaves an existing file untouched.

        Returns:
            The files written, as of `save_model`.

        Raises:
            ModelError: The file cannot be written.
            UsageError: It is a file of the input's weights.
        """
        return save_model(self.model, path, self.external_data, self.threshold, self.protected)


@model_boundary("rewriting the model")
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
    options = options or RewriteOptions()
    loaded = model if isinstance(model, LoadedModel) else read_model(model)
    require_original(loaded.model, loaded.where)
    require_inferable(loaded.model)
    if not options.no_verify:
        require_valid(loaded)
    given = Plan.read(options.plan) if plan is None and options.plan is not None else plan
    decided = decide(loaded.model, options, given)
    done = _done(loaded, options, decided)
    notes = [*loaded.notes, *describe_unseen(loaded.model, ANCHORS), *done.applied.notes, *done.notes]
    result = RewriteResult(
        done.applied.model,
        done.applied.plan,
        _report(done.applied.plan, notes),
        loaded.external_data if options.external_data is None else options.external_data,
        options.external_data_threshold,
        loaded.weight_files,
        done.refused,
    )
    if done.report:
        result.report["verification"] = done.report
    _write_plan(result.plan, options, loaded)
    return result


def _write_plan(plan: Plan, options: RewriteOptions, loaded: LoadedModel) -> None:
    if options.plan_out is not None:
        check_unprotected(options.plan_out, loaded.files, "--plan-out")
        write_text(options.plan_out, plan.to_json(), "--plan-out")


def _done(loaded: LoadedModel, options: RewriteOptions, decided: Decided) -> Checked:
    """The plan carried out as far as the options want: not at all, unchecked, or checked."""
    if options.dry_run:
        return Checked(Applied(loaded.model, decided.plan, []), {})
    if options.no_verify:
        return Checked(carry_out(decided), {})
    return checked(loaded, options, decided)


def _report(plan: Plan, notes: list[str]) -> dict[str, Any]:
    """The part of the report that rewriting knows."""
    from importlib.metadata import version

    sites = [{"name": site.site, **site.as_json()} for site in plan.sites]
    for entry in sites:
        del entry["site"], entry["macs_per_output"]
    packages = ("onnx", "onnx-graphsurgeon", "onnxruntime", "numpy")
    return {
        "sites": sites,
        "rewritten": sum(site.is_rewritten for site in plan.sites),
        "rules": plan.counts(),
        "notes": notes,
        "versions": {name: version(name) for name in packages},
    }
