"""The JSON report of a rewrite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spl_onnx.files import write_text
from spl_onnx.measure.compare import Comparison
from spl_onnx.measure.flops import ModelWork, Reduction
from spl_onnx.measure.machine import machine, versions
from spl_onnx.measure.rewritten import Measured
from spl_onnx.options import RewriteOptions
from spl_onnx.report.entries import (
    AccuracyEntry,
    FlopsEntry,
    Models,
    ModelSummary,
    PriceEntry,
    RewriteEntry,
    SiteEntry,
)
from spl_onnx.report.plain import as_json
from spl_onnx.report.summary import summarise
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.plan import Plan, SitePlan

_FILES = ("data", "plan", "plan_out", "json", "html", "dry_run")


def site_entry(site: SitePlan, work: ModelWork | None) -> SiteEntry:
    """One site of the report; what was not measured is None.

    Args:
        site: the site.
        work: operations of the model; they are known for converted sites.
    """
    fields = site.as_json()
    if site.settings.weights is not None:
        fields["settings"]["weights"] = f"fitted, {len(site.settings.weights)} characters in the plan"
    known = work.sites.get(site.site) if work is not None and site.is_rewritten else None
    return SiteEntry(
        name=fields.pop("site"),
        **fields,
        flops=None if known is None else known.dense,
        work_share=None if known is None or work is None else work.share(known),
    )


def flops_entry(work: Reduction, measured: bool) -> FlopsEntry:
    """Work of one sample, and the reduction with the predictor at its three prices.

    Args:
        work: the work.
        measured: whether densities were measured; without them only dense and predictor work are known.
    """

    def reduction(predictor: float) -> float | None:
        return work.fraction(predictor) if measured else None

    return FlopsEntry(
        dense=work.dense,
        selected=work.selected if measured else None,
        predictor=work.predictor,
        reduction=reduction(work.predictor),
        predictor_full_price=PriceEntry(work.predictor_full, reduction(work.predictor_full)),
        predictor_free=PriceEntry(0.0, reduction(0.0)),
        zero_inputs=work.skippable if measured else None,
        in_8_bits=work.in_8_bits or None,
    )


def accuracy_entry(comparison: Comparison, max_drop: float | None = None) -> AccuracyEntry:
    """What the rewritten model loses, how well that is known, and whether it proves the limit.

    Args:
        comparison: the loss.
        max_drop: the limit; None leaves the entries about it None.
    """
    known = comparison.confidence
    return AccuracyEntry(
        metric=comparison.metric,
        before=comparison.before,
        after=comparison.after,
        drop=comparison.drop,
        interval=comparison.interval,
        confidence_upper=known.upper,
        max_drop=max_drop,
        proves_max_drop=None if max_drop is None else known.proves(max_drop),
        images_needed=None if max_drop is None else known.images_needed(max_drop),
        images=comparison.images,
        expected_drop=comparison.expected,
        **comparison.extras,
    )


def build_report(
    plan: Plan,
    before: ModelSummary,
    after: ModelSummary,
    work: ModelWork | None,
    totals: Reduction | None,
    comparison: Comparison | None,
    densities_measured: bool,
    max_drop: float | None = None,
) -> dict[str, Any]:
    """The report of a rewrite, as JSON has it.

    Args:
        plan: every site and its choice, with what was measured.
        before: the original.
        after: the rewritten model.
        work: its operations by site; None where nothing is known.
        totals: its operations with the densities; None where shapes are not all known.
        comparison: its accuracy; None without data.
        densities_measured: whether the densities in `totals` come from data.
        max_drop: loss that was allowed.
    """
    counts = plan.counts()
    made = RewriteEntry(
        rewritten=sum(counts.values()),
        rules=counts,
        sites=[site_entry(site, work) for site in plan.sites],
        flops=None if totals is None else flops_entry(totals, densities_measured),
        accuracy=None if comparison is None else accuracy_entry(comparison, max_drop),
        model=Models(before, after),
        versions=versions(),
        machine=machine(),
    )
    report: dict[str, Any] = as_json(made)
    return report


def rewrite_report(
    original: LoadedModel, result: RewriteResult, measured: Measured, options: RewriteOptions
) -> dict[str, Any]:
    """All that is told of a rewrite: what was measured, and what its steps say themselves.

    Args:
        original: the model.
        result: what was made of it; its own report is part of this one.
        measured: what is known of that.
        options: what was wanted.
    """
    return {
        "input": None if original.path is None else str(original.path),
        **build_report(
            result.plan,
            summarise(original.model),
            summarise(result.model),
            measured.work,
            measured.reduction,
            measured.comparison,
            densities_measured=measured.counting is not None,
            max_drop=options.max_drop,
        ),
        **result.report,
        "settings": settings_entry(options),
    }


def settings_entry(options: RewriteOptions) -> dict[str, object]:
    """The options that decide what becomes of a model; the files that are read and written are left out."""
    names = (name for name in RewriteOptions.names() if name not in _FILES)
    return {name: getattr(options, name) for name in names}


def write_json(content: object, path: str | Path) -> None:
    """Write a report.

    Raises:
        UsageError: the file cannot be written.
    """
    write_text(path, json.dumps(plain_report(content), indent=2, allow_nan=False) + "\n", "--json")


def plain_report(content: object) -> Any:
    """A report as JSON holds it: numbers that are none are null."""
    return json.loads(json.dumps(as_json(content), default=_refuse), parse_constant=_no_number)


def _no_number(constant: str) -> None:
    """NaN and infinity, which JSON does not have, become null."""


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} has no place in a report")
