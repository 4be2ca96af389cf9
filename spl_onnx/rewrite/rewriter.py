"""Rewriting a model: find the candidates, replace the chosen ones, clean up, check."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.candidates import Candidate, find_candidates, plan_selector
from spl_onnx.rewrite.concat import join_pooled
from spl_onnx.rewrite.context import ModelContext, Scope
from spl_onnx.rewrite.emit import SiteEmitter
from spl_onnx.rewrite.finish import finish_model
from spl_onnx.rewrite.layout import clean_layout
from spl_onnx.rewrite.model_io import LoadedModel, read_model, save_model
from spl_onnx.rewrite.plan import Plan, SitePlan
from spl_onnx.rewrite.predict import build_predictor, check_settings, default_settings, describe
from spl_onnx.rewrite.roundtrip import export_model
from spl_onnx.rewrite.rules.base import Match, Refused
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.verify import verify
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM


@dataclass
class RewriteResult:
    """What a rewrite gives back.

    Attributes:
        model: The rewritten model.
        plan: Every candidate and what became of it.
        report: A dict for JSON: sites, counts per rule, versions, verification.
        external_data: Whether weights belong in a separate file, as in the input; None = by size.
        threshold: Size of all weights in bytes above which they go to a separate file.
    """

    model: onnx.ModelProto
    plan: Plan
    report: dict[str, Any] = field(default_factory=dict)
    external_data: bool | None = None
    threshold: int = 1 << 30

    def save(self, path: str | Path) -> None:
        """Write the model, all or nothing; a failure leaves an existing file untouched.

        Raises:
            ModelError: The file cannot be written.
        """
        save_model(self.model, path, self.external_data, self.threshold)


def rewrite_model(
    model: onnx.ModelProto | str | Path, options: RewriteOptions | None = None, plan: Plan | None = None
) -> RewriteResult:
    """Rewrite `model` as `options` say.

    Args:
        model: A model (which is not changed) or the path of one.
        options: What to do.
        plan: Choices to apply; without it those of `options.plan`, else the rules decide.

    Raises:
        ModelError: The model cannot be read or uses the domains of the operators already.
        UsageError: A rule or a site of the plan is unknown.
        VerificationError: The result is not valid or does not compute what the original does.
    """
    options = options or RewriteOptions()
    loaded = model if isinstance(model, LoadedModel) else read_model(model)
    _check_input(loaded.model)
    if plan is None and options.plan is not None:
        plan = Plan.read(options.plan)
    context = ModelContext(loaded.model)
    candidates = find_candidates(context, plan_selector(plan) if plan else selector(options))
    if plan is not None:
        _apply_plan(plan, candidates)
    editor = _Editor(context, options)
    editor.choose(candidates, fixed=plan is not None)
    made = Plan([candidate.entry for candidate in candidates])
    if options.dry_run:
        rewritten = loaded.model
    else:
        rewritten = editor.rewrite(candidates)
    result = RewriteResult(rewritten, made, {}, loaded.external_data, options.external_data_threshold)
    if options.external_data is not None:
        result.external_data = options.external_data
    result.report = _report(made, loaded)
    if not (options.no_verify or options.dry_run):
        result.report["verification"] = verify(loaded, rewritten, options, made)
    if options.plan_out is not None:
        _write_text(options.plan_out, made.to_json())
    return result


def _check_input(model: onnx.ModelProto) -> None:
    """Refuse models that carry our operators, or a foreign meaning of our domains."""
    used = {o.domain for o in model.opset_import} | {f.domain for f in model.functions}
    ours = sorted(used & {DOMAIN_CONV, DOMAIN_GEMM})
    if ours:
        raise ModelError(
            f"the model uses the domain {', '.join(ours)} already: it was rewritten before; rewrite the original instead"
        )


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


class _Editor:
    """Carries out the choices on the graphs of one model."""

    def __init__(self, context: ModelContext, options: RewriteOptions) -> None:
        self.context = context
        self.options = options
        self.made: set[int] = set()
        self.constants: set[str] = set()
        self.keep_alive: list[gs.Node] = []  # ids in `made` must stay unique

    def choose(self, candidates: list[Candidate], fixed: bool) -> None:
        """Set choice and settings of accepted candidates, refusing what the predictor cannot do."""
        for candidate in candidates:
            entry = candidate.entry
            if candidate.match is None or candidate.rule is None:
                continue
            if not fixed:
                entry.settings = default_settings(self.options)
                entry.choice = "lossless" if self.options.lossless else "predict"
                entry.reason = f"{entry.reason}; {describe(entry.settings)}"
            site = candidate.rule.rewrite(candidate.match)
            entry.macs_per_output = int(site.w[0].size)
            if entry.choice == "predict":
                _refuse_if_needed(entry, lambda: check_settings(site, entry.settings))

    def rewrite(self, candidates: list[Candidate]) -> onnx.ModelProto:
        """The model with all chosen sites replaced."""
        groups: dict[int, list[tuple[Match, gs.Tensor]]] = {}
        for candidate in candidates:
            if candidate.entry.is_rewritten and candidate.match is not None:
                output = self._replace(candidate)
                if candidate.match.pool is not None and candidate.match.concat is not None:
                    groups.setdefault(id(candidate.match.pool), []).append((candidate.match, output))
        for group in groups.values():
            self._join(group)
        for scope in self.context.scopes:
            clean_layout(scope, self.made)
        model = export_model(self.context.graph, self.context.source, frozenset(self.constants))
        return finish_model(model)

    def _replace(self, candidate: Candidate) -> gs.Tensor:
        """Put the nodes of one site in the place of the old ones; returns the site's output."""
        rule, match, entry = candidate.rule, candidate.match, candidate.entry
        assert rule is not None and match is not None
        site = rule.rewrite(match)
        predictor = build_predictor(site, entry.settings) if entry.choice == "predict" else None
        output = match.output
        if match.concat is not None:
            output = gs.Variable(self.context.fresh(f"{match.output.name}/pooled"))
        nodes = SiteEmitter(site, match.name, output, predictor, float(entry.settings.get("floor", 0.0))).emit()
        self.constants.update(t.name for node in match.nodes for t in node.inputs if isinstance(t, gs.Constant))
        for node in match.nodes:
            node.inputs.clear()
            node.outputs.remove(output) if output in node.outputs and output not in nodes[-1].outputs else None
        self._swap(match.scope, match.nodes, nodes)
        return output

    def _join(self, group: list[tuple[Match, gs.Tensor]]) -> None:
        """Move the pooling above the Concat of `group`."""
        first = group[0][0]
        nodes = join_pooled(first, {match.output.name: output for match, output in group})
        self._swap(first.scope, first.behind, nodes)

    def _swap(self, scope: Scope, old: list[gs.Node], new: list[gs.Node]) -> None:
        """Replace `old` by `new` at the place of the last old node, where all inputs exist."""
        gone = {id(node) for node in old}
        nodes: list[gs.Node] = []
        for node in scope.graph.nodes:
            if node is old[-1]:
                nodes.extend(new)
            elif id(node) not in gone:
                nodes.append(node)
        scope.graph.nodes[:] = nodes
        self.made.update(id(node) for node in new)
        self.keep_alive += new


def _refuse_if_needed(entry: SitePlan, check: Any) -> None:
    try:
        check()
    except Refused as refusal:
        entry.choice, entry.settings, entry.reason = "dense", {}, str(refusal)


def _report(plan: Plan, loaded: LoadedModel) -> dict[str, Any]:
    """The part of the report that rewriting knows."""
    from importlib.metadata import version

    sites = []
    for site in plan.sites:
        kept = ("rule", "choice", "settings", "reason", "layer", "density", "zeros", "loss", "dense_ms", "now_ms")
        sites.append({"name": site.site, **{name: getattr(site, name) for name in kept}})
    packages = ("onnx", "onnx-graphsurgeon", "onnxruntime", "numpy")
    return {
        "sites": sites,
        "rewritten": sum(site.is_rewritten for site in plan.sites),
        "rules": plan.counts(),
        "notes": list(loaded.notes),
        "versions": {name: version(name) for name in packages},
    }


def _write_text(path: str | Path, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error
