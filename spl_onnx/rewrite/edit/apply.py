"""From a plan to the rewritten model; nothing is checked here."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import onnx

from spl_onnx.rewrite.edit.editor import Editor
from spl_onnx.rewrite.graph.boundary import REWRITING, model_boundary
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.sites.candidates import Candidate
from spl_onnx.rewrite.sites.plan import Key, Plan
from spl_onnx.rewrite.sites.planner import chosen_candidates
from spl_onnx.rewrite.sites.weights import SiteWeights


@dataclass(frozen=True)
class Applied:
    """A plan that was carried out.

    Attributes:
        model: The rewritten model.
        plan: The plan; sites that could not be made, or failed their checks, are dense in it.
        notes: Things the user should know.
        verification: What the checks say, for the report; empty where none were made.
        refused: Why a site failed its checks, by site and rule.
    """

    model: onnx.ModelProto
    plan: Plan
    notes: list[str] = field(default_factory=list)
    verification: dict[str, Any] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)


@model_boundary(REWRITING)
def apply(model: onnx.ModelProto, plan: Plan, weights: SiteWeights | None = None) -> Applied:
    """`model` rewritten as `plan` says.

    Args:
        model: The model; not changed.
        plan: What becomes of its sites; those that are not in it stay as they are. Not changed.
        weights: Of the sites of `model`, where it is planned or rewritten more than once.

    Raises:
        UsageError: A site of `plan` is unknown or refused, or its settings do not fit.
        ModelError: The model cannot be edited.
    """
    weights = weights or SiteWeights()
    context = ModelContext(model)
    candidates = chosen_candidates(context, plan, weights)
    editor = Editor(context, weights)
    made = editor.rewrite(candidates)
    return Applied(made, _outcome(plan, candidates), editor.notes)


def _outcome(plan: Plan, candidates: list[Candidate]) -> Plan:
    """A copy of `plan` with what became of its sites."""
    became = {(c.entry.site, c.entry.rule): c.entry for c in candidates if c.match is not None}
    return Plan([became.get((entry.site, entry.rule)) or copy.copy(entry) for entry in plan.sites])
