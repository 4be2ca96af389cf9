"""From a model to a plan, and from a plan to the rewritten model; nothing is checked here."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import onnx

from spl_onnx.errors import UsageError
from spl_onnx.options import Choice, RewriteOptions, name_list
from spl_onnx.rewrite.candidates import Candidate, find_candidates, plan_selector
from spl_onnx.rewrite.context import ModelContext
from spl_onnx.rewrite.editor import Editor
from spl_onnx.rewrite.plan import Plan, SitePlan
from spl_onnx.rewrite.rules.registry import selector

_FROM_PLAN = ("choice", "settings", "reason", "density", "zeros", "loss", "dense_ms", "now_ms")


@dataclass(frozen=True)
class Decided:
    """Candidates with their choices, before anything is edited. It serves one rewrite.

    Attributes:
        candidates: Of the model, with the entries of the plan.
        editor: Carries the choices out.
    """

    candidates: list[Candidate]
    editor: Editor

    @property
    def plan(self) -> Plan:
        """Every candidate and what becomes of it."""
        return Plan([candidate.entry for candidate in self.candidates])


@dataclass(frozen=True)
class Applied:
    """A plan that was carried out.

    Attributes:
        model: The rewritten model.
        plan: Every candidate and what became of it.
        notes: Things the user should know.
    """

    model: onnx.ModelProto
    plan: Plan
    notes: list[str]


def decide(model: onnx.ModelProto, options: RewriteOptions, plan: Plan | None = None) -> Decided:
    """What becomes of every candidate of `model`.

    Args:
        model: The model; not changed.
        options: What the user asked for.
        plan: Choices to take; without it the rules decide.

    Raises:
        UsageError: A rule or a site of the plan is unknown, or its settings do not fit.
        ModelError: The model cannot be edited.
    """
    context = ModelContext(model)
    candidates = find_candidates(context, plan_selector(plan) if plan else selector(options))
    if plan is not None:
        _take(plan, candidates)
    else:
        _note_skipped(set(name_list(options.skip_layers)), candidates)
    editor = Editor(context, options)
    editor.choose(candidates, fixed=plan is not None)
    return Decided(candidates, editor)


def carry_out(decided: Decided) -> Applied:
    """The rewritten model; sites that cannot be made are dense in its plan."""
    model = decided.editor.rewrite(decided.candidates)
    return Applied(model, decided.plan, decided.editor.notes)


def apply(model: onnx.ModelProto, options: RewriteOptions, plan: Plan) -> Applied:
    """`model` rewritten as `plan` says; errors as `decide`."""
    return carry_out(decide(model, options, plan))


def lossless_plan(plan: Plan) -> Plan:
    """The same sites, exact."""
    return Plan([_exact(copy.copy(entry)) for entry in plan.sites])


def _exact(entry: SitePlan) -> SitePlan:
    if entry.is_rewritten:
        entry.become(Choice.LOSSLESS)
    return entry


def _note_skipped(layers: set[str], candidates: list[Candidate]) -> None:
    """Say of the layers that are left out that this was asked for.

    Raises:
        UsageError: There is no such layer.
    """
    entries = [candidate.entry for candidate in candidates]
    unknown = sorted(layers - {entry.layer for entry in entries})
    if unknown:
        known = ", ".join(entry.layer for entry in entries[:20]) or "none"
        raise UsageError(f"--skip-layers: unknown layer {', '.join(unknown)}; the model has {known}")
    for entry in entries:
        if entry.layer in layers:
            entry.reason = "left out (--skip-layers)"


def _take(plan: Plan, candidates: list[Candidate]) -> None:
    """Take settings and choice from `plan`.

    Raises:
        UsageError: The plan rewrites a site that the model does not have or that is refused.
    """
    entries = {(c.entry.site, c.entry.rule): c.entry for c in candidates if c.match is not None}
    for site in plan.sites:
        entry = entries.get((site.site, site.rule))
        if entry is not None:
            for name in _FROM_PLAN:
                setattr(entry, name, getattr(site, name))
        elif site.is_rewritten:
            refused = next((c.entry.reason for c in candidates if c.entry.site == site.site), "no such site")
            raise UsageError(f"plan: site '{site.site}' cannot be rewritten by rule {site.rule}: {refused}")
