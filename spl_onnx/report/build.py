"""The JSON report of a rewrite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from spl_onnx.files import write_text
from spl_onnx.measure.compare import Comparison
from spl_onnx.measure.flops import ModelWork, Reduction
from spl_onnx.measure.machine import machine, versions
from spl_onnx.options import RewriteOptions
from spl_onnx.report.summary import ModelSummary
from spl_onnx.rewrite.plan import Plan, SitePlan

_FILES = ("data", "plan", "plan_out", "json", "html", "dry_run")


def site_entry(site: SitePlan, work: ModelWork | None) -> dict[str, Any]:
    """One site of the report; what was not measured is null.

    Args:
        site: the site.
        work: operations of the model; they are known for converted sites.
    """
    fields = site.as_json()
    if site.settings.weights is not None:
        fields["settings"]["weights"] = f"fitted, {len(site.settings.weights)} characters in the plan"
    known = work.sites.get(site.site) if work is not None and site.is_rewritten else None
    return {
        "name": fields.pop("site"),
        **fields,
        "flops": None if known is None else known.dense,
        "work_share": None if known is None or work is None else work.share(known),
    }


def flops_entry(work: Reduction, measured: bool) -> dict[str, Any]:
    """Work of one sample, and the reduction with the predictor at its three prices.

    Args:
        work: the work.
        measured: whether densities were measured; without them only dense and predictor work are known.
    """

    def priced(predictor: float) -> dict[str, Any]:
        return {"predictor": predictor, "reduction": work.fraction(predictor) if measured else None}

    return {
        "dense": work.dense,
        "selected": work.selected if measured else None,
        **priced(work.predictor),
        "predictor_full_price": priced(work.predictor_full),
        "predictor_free": priced(0.0),
        "zero_inputs": work.skippable if measured else None,
    }


def accuracy_entry(comparison: Comparison, max_drop: float | None = None) -> dict[str, Any]:
    """What the rewritten model loses, how well that is known, and whether it proves the limit.

    Args:
        comparison: the loss.
        max_drop: the limit; None leaves the entries about it null.
    """
    known = comparison.confidence
    return {
        "metric": comparison.metric,
        "before": comparison.before,
        "after": comparison.after,
        "drop": comparison.drop,
        "interval": list(comparison.interval),
        "confidence_upper": known.upper,
        "max_drop": max_drop,
        "proves_max_drop": None if max_drop is None else known.proves(max_drop),
        "images_needed": None if max_drop is None else known.images_needed(max_drop),
        "images": comparison.images,
        **comparison.extras,
    }


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
    """The report of a rewrite.

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
    return {
        "rewritten": sum(counts.values()),
        "rules": counts,
        "sites": [site_entry(site, work) for site in plan.sites],
        "flops": None if totals is None else flops_entry(totals, densities_measured),
        "accuracy": None if comparison is None else accuracy_entry(comparison, max_drop),
        "model": {"before": before.as_dict(), "after": after.as_dict()},
        "versions": versions(),
        "machine": machine(),
    }


def settings_entry(options: RewriteOptions) -> dict[str, Any]:
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
    """A report as JSON holds it: NumPy values are numbers, those that are no number are null."""
    return json.loads(json.dumps(content, default=_plain), parse_constant=_no_number)


def _no_number(constant: str) -> None:
    """NaN and infinity, which JSON does not have, become null."""


def _plain(value: object) -> Any:
    """NumPy values as JSON has them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in a report")
