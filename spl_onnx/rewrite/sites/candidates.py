"""Finding all candidates of a model and deciding what becomes of each; nothing is edited here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_graphsurgeon as gs

from spl_onnx.options import Choice
from spl_onnx.rewrite.graph.context import ModelContext, Scope
from spl_onnx.rewrite.rules.base import Rule
from spl_onnx.rewrite.rules.registry import ANCHORS, BYTE_RULES, RULES, WEIGHTED
from spl_onnx.rewrite.rules.site import Match, label, unforeseen
from spl_onnx.rewrite.sites.plan import Plan, SitePlan

Selected = Callable[[Rule, Match], bool]


@dataclass(eq=False)
class Candidate:
    """One node with weights: entry in the plan, own output, and the match to rewrite if it was accepted."""

    entry: SitePlan
    output: str
    rule: Rule | None = None
    match: Match | None = None


@dataclass(frozen=True)
class _Option:
    """A match of one rule at an anchor."""

    rule: Rule
    match: Match
    accepted: bool
    selected: bool
    reason: str


def find_candidates(model: ModelContext, selected: Selected) -> list[Candidate]:
    """All nodes that begin a pattern, in graph order, inner graphs behind their outer one.

    Those of the types that hold weights are candidates also where no pattern begins there.
    """
    taken: set[int] = set()
    found = []
    for scope in model.scopes:
        for node in scope.graph.nodes:
            if node.op in ANCHORS and node.domain in (None, "", "ai.onnx") and _is_whole(node):
                if node.op not in WEIGHTED and not _is_pattern(scope, node, taken):
                    continue
                found.append(_decide(scope, node, selected, taken))
    _separate_names(found)
    return found


def _is_pattern(scope: Scope, node: gs.Node, taken: set[int]) -> bool:
    """Whether a node without weights begins a pattern, and is no part of a site before it."""
    rules = (rule for rule in RULES if node.op in rule.anchors)
    return id(node) not in taken and any(_matches(rule, scope, node) for rule in rules)


def _is_whole(node: gs.Node) -> bool:
    """Whether a node reads and writes something; a broken one is no candidate."""
    return bool(node.inputs and node.outputs) and not (
        node.inputs[0].is_empty() or node.outputs[0].is_empty()
    )


def _separate_names(found: list[Candidate]) -> None:
    """Name a refused candidate by its own output where another one got the site (sums of convolutions)."""
    taken = {candidate.entry.site for candidate in found if candidate.match is not None}
    for candidate in found:
        if candidate.match is None and candidate.entry.site in taken:
            candidate.entry.site = candidate.output


def _decide(scope: Scope, anchor: gs.Node, selected: Selected, taken: set[int]) -> Candidate:
    """The first accepted and selected match; else the refusal that tells most."""
    tensor = scope.qualified(anchor.outputs[0].name)
    options = _options(scope, anchor, selected, taken)
    for option in options:
        if option.accepted and option.selected:
            taken.update(id(node) for node in option.match.nodes)
            choice = Choice.PREDICT if option.rule.predicts else Choice.LOSSLESS
            return Candidate(_entry(option, choice, option.reason), tensor, option.rule, option.match)
    if not options:
        reason = f"{label(anchor)} is followed by no activation or pooling that a rule knows"
        return Candidate(
            SitePlan(tensor, "none", Choice.DENSE, reason=reason, layer=anchor.name or tensor), tensor
        )
    best = max(options, key=lambda option: (option.selected, option.accepted, option.rule.name in BYTE_RULES))
    reason = best.reason
    if best.accepted:
        reason = f"rule {best.rule.name} is not selected (--rules {best.rule.name} or all)"
    return Candidate(_entry(best, Choice.DENSE, reason), tensor)


def _options(scope: Scope, anchor: gs.Node, selected: Selected, taken: set[int]) -> list[_Option]:
    """All matches at `anchor`; a layer that could be predicted belongs to the rules that predict."""
    options = []
    for rule in RULES:
        if anchor.op in rule.anchors:
            options += [_option(rule, match, selected, taken) for match in _matches(rule, scope, anchor)]
    predictable = any(option.accepted and option.rule.predicts for option in options)
    return [option for option in options if option.rule.predicts or not predictable]


def _matches(rule: Rule, scope: Scope, anchor: gs.Node) -> list[Match]:
    """The matches of a rule; where it stumbles over the nodes, one that is refused."""
    try:
        return rule.pattern(scope, anchor)
    except MemoryError:
        raise
    except Exception as error:
        match = Match(scope, anchor, anchor.outputs[0], [anchor])
        match.problems.append(unforeseen(match, error))
        return [match]


def _option(rule: Rule, match: Match, selected: Selected, taken: set[int]) -> _Option:
    decision = rule.check(match)
    accepted, reason = decision.accepted, decision.reason
    shared = next((node for node in match.nodes if id(node) in taken), None)
    if accepted and shared is not None:
        accepted, reason = False, f"{label(shared)} already belongs to another site"
    return _Option(rule, match, accepted, selected(rule, match), reason)


def _entry(option: _Option, choice: Choice, reason: str) -> SitePlan:
    return SitePlan(
        option.match.name,
        option.rule.name,
        choice,
        reason=reason,
        layer=option.match.layer,
    )


def plan_selector(plan: Plan) -> Selected:
    """Select exactly what `plan` rewrites."""
    wanted = {(site.site, site.rule) for site in plan.sites if site.is_rewritten}
    return lambda rule, match: (match.name, rule.name) in wanted
