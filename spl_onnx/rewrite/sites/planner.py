"""From a model to a plan: what becomes of every candidate. Nothing is edited here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx

from spl_onnx.errors import UsageError
from spl_onnx.options import Choice, RewriteOptions, name_list
from spl_onnx.predictors.site_settings import NOTHING_SET
from spl_onnx.rewrite.graph.boundary import REWRITING, model_boundary
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.rules.base import LayerRule, Rule
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.rules.site import Refused, Site, unforeseen
from spl_onnx.rewrite.sites.candidates import Candidate, find_candidates, plan_selector
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from spl_onnx.rewrite.sites.predict import check_settings, default_precision, default_settings
from spl_onnx.rewrite.sites.weights import SiteWeights

_FROM_PLAN = ("choice", "settings", "reason", "density", "zeros", "loss", "dense_ms", "now_ms")


@model_boundary(REWRITING)
def plan_sites(model: onnx.ModelProto, options: RewriteOptions, weights: SiteWeights | None = None) -> Plan:
    """Every candidate of `model` and what the rules make of it.

    Args:
        model: The model; not changed.
        options: Which rules and layers, and how sites are predicted.
        weights: Of the sites of `model`, where it is planned or rewritten more than once.

    Raises:
        UsageError: A rule or a layer is unknown.
        ModelError: The model cannot be edited.
    """
    weights = weights or SiteWeights()
    candidates = find_candidates(ModelContext(model), selector(options))
    _note_skipped(set(name_list(options.skip_layers)), candidates)
    for candidate in candidates:
        if candidate.rule is not None:
            _choose(candidate, candidate.rule, options, weights)
            _check(candidate, weights)
    return Plan([candidate.entry for candidate in candidates])


@model_boundary(REWRITING)
def complete_plan(model: onnx.ModelProto, plan: Plan, weights: SiteWeights | None = None) -> Plan:
    """Every candidate of `model` with what `plan` makes of it; arguments as of `plan_sites`.

    Raises:
        UsageError: A site of `plan` is unknown or refused, or its settings do not fit.
        ModelError: The model cannot be edited.
    """
    candidates = chosen_candidates(ModelContext(model), plan, weights or SiteWeights())
    return Plan([candidate.entry for candidate in candidates])


def chosen_candidates(context: ModelContext, plan: Plan, weights: SiteWeights) -> list[Candidate]:
    """The candidates of a model, with matches for the sites that `plan` rewrites; errors as `complete_plan`.

    Sites whose settings turn out not to fit are dense in their entries, which are no part of `plan`.
    """
    candidates = find_candidates(context, plan_selector(plan))
    _take(plan, candidates)
    for candidate in candidates:
        if candidate.rule is not None:
            candidate.entry.validate()
            _check(candidate, weights)
    return candidates


@contextmanager
def refusing(candidate: Candidate) -> Iterator[None]:
    """Leave a site dense where it turns out that it cannot be made: the others can."""
    entry = candidate.entry
    try:
        yield
    except Refused as refusal:
        entry.become(Choice.DENSE, reason=str(refusal))
    except (UsageError, MemoryError):
        raise
    except Exception as error:
        entry.become(Choice.DENSE, reason=unforeseen(candidate.match, error))


def _choose(candidate: Candidate, rule: Rule, options: RewriteOptions, weights: SiteWeights) -> None:
    """What the options alone make of an accepted candidate."""
    entry, match = candidate.entry, candidate.match
    settings = default_settings(options) if rule.predicts else NOTHING_SET
    choice = Choice.PREDICT if rule.predicts and not options.lossless else Choice.LOSSLESS
    if options.is_in_8_bits:
        settings, choice = NOTHING_SET, Choice.LOSSLESS
        if isinstance(rule, LayerRule) and match is not None:
            with refusing(candidate):
                settings, choice = default_precision(weights.site(rule, match)), Choice.INT8
    entry.become(choice, settings, f"{entry.reason}; {settings.describe()}")


def _check(candidate: Candidate, weights: SiteWeights) -> None:
    """Leave a site dense that its choice and settings do not fit.

    Raises:
        UsageError: Its rule knows no such choice or settings, whatever the site.
    """
    entry, rule, match = candidate.entry, candidate.rule, candidate.match
    assert rule is not None and match is not None
    if not rule.predicts:
        _check_unpredicted(entry, isinstance(rule, LayerRule))
    if isinstance(rule, LayerRule):
        with refusing(candidate):
            _check_layer(entry, weights.site(rule, match))


def _check_layer(entry: SitePlan, site: Site) -> None:
    """Note the work of a layer, and whether its settings fit.

    Raises:
        Refused: They do not.
    """
    entry.macs_per_output = int(np.prod(site.w.shape[1:]))
    if entry.is_rewritten:
        check_settings(site, entry.settings)


def _check_unpredicted(entry: SitePlan, is_layer: bool) -> None:
    """Refuse a prediction, and settings that mean nothing, where a rule predicts nothing.

    Args:
        entry: The site.
        is_layer: Whether it has weights, so that products in 8 bits and a shift of its bias mean something.

    Raises:
        UsageError: There is one.
    """
    if is_layer and entry.choice == Choice.INT8:
        return
    known = {"shift"} if is_layer else set()
    others = sorted(set(entry.settings.names) - known)
    if entry.choice in (Choice.PREDICT, Choice.INT8) or others:
        raise UsageError(
            f"plan, site '{entry.site}': rule {entry.rule} predicts nothing, got choice {entry.choice} and "
            f"settings {', '.join(others) or 'none'}; wanted lossless or dense, with no settings but "
            f"{', '.join(sorted(known)) or 'none'}"
        )


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
