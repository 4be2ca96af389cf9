"""Rewriting a model: find the candidates, replace the chosen ones, clean up, check."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from spl_onnx.errors import UsageError
from spl_onnx.files import write_text
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.candidates import Candidate, find_candidates, plan_selector
from spl_onnx.rewrite.context import ModelContext
from spl_onnx.rewrite.editor import Editor
from spl_onnx.rewrite.local_functions import describe_unseen
from spl_onnx.rewrite.model_io import LoadedModel, check_unprotected, read_model, save_model
from spl_onnx.rewrite.own_nodes import require_original
from spl_onnx.rewrite.plan import Plan
from spl_onnx.rewrite.rules.registry import ANCHORS, selector
from spl_onnx.rewrite.validity import require_inferable, require_valid
from spl_onnx.rewrite.verify import verify


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
    """

    model: onnx.ModelProto
    plan: Plan
    report: dict[str, Any] = field(default_factory=dict)
    external_data: bool | None = None
    threshold: int = 1 << 30
    protected: tuple[Path, ...] = ()

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write the model, all or nothing; a failure leaves an existing file untouched.

        Returns:
            The files written, as of `save_model`.

        Raises:
            ModelError: The file cannot be written.
            UsageError: It is a file of the input's weights.
        """
        return save_model(self.model, path, self.external_data, self.threshold, self.protected)


def rewrite_model(
    model: onnx.ModelProto | str | Path | LoadedModel,
    options: RewriteOptions | None = None,
    plan: Plan | None = None,
) -> RewriteResult:
    """Rewrite `model` as `options` say.

    Args:
        model: A model (which is not changed), the path of one, or what `read_model` returned.
        options: What to do.
        plan: Choices to apply; without it those of `options.plan`, else the rules decide.

    Raises:
        ModelError: The model cannot be read, is not valid or has nodes of our operators already.
        UsageError: A rule or a site of the plan is unknown.
        VerificationError: The result is not valid or does not compute what the original does.
    """
    options = options or RewriteOptions()
    loaded = model if isinstance(model, LoadedModel) else read_model(model)
    require_original(loaded.model, loaded.where)
    if not options.no_verify:
        require_valid(loaded)
    require_inferable(loaded.model)
    if plan is None and options.plan is not None:
        plan = Plan.read(options.plan)
    context = ModelContext(loaded.model)
    candidates = find_candidates(context, plan_selector(plan) if plan else selector(options))
    if plan is not None:
        _apply_plan(plan, candidates)
    editor = Editor(context, options)
    editor.choose(candidates, fixed=plan is not None)
    made = Plan([candidate.entry for candidate in candidates])
    rewritten = loaded.model if options.dry_run else editor.rewrite(candidates)
    result = RewriteResult(rewritten, made, {}, loaded.external_data, options.external_data_threshold)
    result.protected = loaded.weight_files
    if options.external_data is not None:
        result.external_data = options.external_data
    result.report = _report(made, [*loaded.notes, *describe_unseen(loaded.model, ANCHORS), *editor.notes])
    if not (options.no_verify or options.dry_run):
        result.report["verification"] = verify(loaded, rewritten, options, made)
    if options.plan_out is not None:
        check_unprotected(options.plan_out, loaded.files, "--plan-out")
        write_text(options.plan_out, made.to_json(), "--plan-out")
    return result


def _apply_plan(plan: Plan, candidates: list[Candidate]) -> None:
    """Take settings and choice from `plan`.

    Raises:
        UsageError: The plan rewrites a site that the model does not have or that is refused.
    """
    entries = {(c.entry.site, c.entry.rule): c.entry for c in candidates if c.match is not None}
    for site in plan.sites:
        entry = entries.get((site.site, site.rule))
        if entry is not None:
            for name in ("choice", "settings", "reason", "density", "zeros", "loss", "dense_ms", "now_ms"):
                setattr(entry, name, getattr(site, name))
        elif site.is_rewritten:
            refused = next((c.entry.reason for c in candidates if c.entry.site == site.site), "no such site")
            raise UsageError(f"plan: site '{site.site}' cannot be rewritten by rule {site.rule}: {refused}")


def _report(plan: Plan, notes: list[str]) -> dict[str, Any]:
    """The part of the report that rewriting knows."""
    from importlib.metadata import version

    sites = []
    for site in plan.sites:
        kept = (
            "rule",
            "choice",
            "settings",
            "reason",
            "layer",
            "density",
            "zeros",
            "loss",
            "dense_ms",
            "now_ms",
        )
        sites.append({"name": site.site, **{name: getattr(site, name) for name in kept}})
    packages = ("onnx", "onnx-graphsurgeon", "onnxruntime", "numpy")
    return {
        "sites": sites,
        "rewritten": sum(site.is_rewritten for site in plan.sites),
        "rules": plan.counts(),
        "notes": notes,
        "versions": {name: version(name) for name in packages},
    }
