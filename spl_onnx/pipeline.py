"""Rewrite a model and, where there is data, measure what the rewriting did before anybody writes it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import onnx

from spl_onnx.chosen import choose
from spl_onnx.data import DataOptions
from spl_onnx.errors import UsageError
from spl_onnx.files import write_text
from spl_onnx.measure.compare import check_drop
from spl_onnx.measure.metrics import check_metric
from spl_onnx.measure.rewritten import note_densities
from spl_onnx.options import RewriteOptions
from spl_onnx.progress import Stages, silent_stages
from spl_onnx.report.build import rewrite_report, write_json
from spl_onnx.report.html import write_html
from spl_onnx.rewrite.model.model_io import LoadedModel, check_unprotected, read_model
from spl_onnx.rewrite.result import RewriteResult


def rewrite_and_measure(
    model: onnx.ModelProto | str | Path, data: object, options: dict[str, Any]
) -> RewriteResult:
    """`spl_onnx.rewrite` with its keywords as a dict.

    Raises:
        UsageError: a keyword is no field of `RewriteOptions` or `DataOptions`.
    """
    names = {f.name for f in fields(DataOptions)}
    reading = {name: value for name, value in options.items() if name in names}
    rewriting = {name: value for name, value in options.items() if name not in names}
    if unknown := sorted(set(rewriting) - set(RewriteOptions.names())):
        known = ", ".join(sorted({*RewriteOptions.names(), *names}))
        raise UsageError(f"got unknown option {', '.join(unknown)}, wanted one of {known}")
    chosen = RewriteOptions.from_kwargs(**{**rewriting, "data": data})
    return measured_rewrite(read_model(model), chosen, DataOptions(**reading))


def measured_rewrite(
    original: LoadedModel, options: RewriteOptions, reading: DataOptions, stages: Stages = silent_stages
) -> RewriteResult:
    """Rewrite a model and measure it.

    Args:
        original: the model, which is not changed.
        options: what to do; with `data` the sites are chosen by measured time (objective time) and the
            accuracy is compared with `max_drop`.
        reading: how the data is read.
        stages: shows the progress.

    Returns:
        The result, its plan with densities and zeros and its report complete.

    Raises:
        VerificationError: the accuracy falls by more than `max_drop`.
        DataError: the data does not fit the model.
    """
    check_metric(options.metric)
    for name in ("plan_out", "json", "html", "resume"):
        if getattr(options, name) is not None:
            check_unprotected(getattr(options, name), original.files, f"--{name.replace('_', '-')}")
    # A dry run with data needs a model to measure.
    making = replace(options, dry_run=options.dry_run and options.data is None)
    result, measured = choose(original, making, reading, stages)
    note_densities(result.plan, measured)
    result.report = rewrite_report(original, result, measured, options)
    if measured.comparison is not None:
        check_drop(measured.comparison, options.max_drop, options.is_judged_by_expectation)
    _write_files(result, options)
    return result


def _write_files(result: RewriteResult, options: RewriteOptions) -> None:
    """The plan and the reports that the options name."""
    if options.plan_out is not None:
        write_text(options.plan_out, result.plan.to_json(), "--plan-out")
    if options.json is not None:
        write_json(result.report, options.json)
    if options.html is not None:
        write_html(result.report, options.html)
