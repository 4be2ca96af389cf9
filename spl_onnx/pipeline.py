"""Rewrite a model and, where there is data, measure what the rewriting did before anybody writes it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import onnx

from spl_onnx.data import DataOptions
from spl_onnx.data.parts import Parts, split_data
from spl_onnx.data.timing import timing_data
from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.files import write_text
from spl_onnx.measure.compare import Comparison
from spl_onnx.measure.metrics import check_metric
from spl_onnx.measure.rewritten import Measured, measure, measure_on, note_densities
from spl_onnx.measure.shapes import single_sample_shapes
from spl_onnx.options import RewriteOptions
from spl_onnx.progress import Stages, silent_stages
from spl_onnx.report.build import build_report, settings_entry, write_json
from spl_onnx.report.html import write_html
from spl_onnx.report.summary import summarise
from spl_onnx.rewrite.model_io import LoadedModel, check_unprotected, read_model
from spl_onnx.rewrite.rewriter import RewriteResult, rewrite_model
from spl_onnx.search.budget.attempts import attempts
from spl_onnx.search.sound import note_left_out, sound_options
from spl_onnx.search.time.by_time import rewrite_by_time


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
    # The plan is written here, once the accuracy is known; and a dry run with data needs a model to measure.
    inner = replace(options, plan_out=None, dry_run=options.dry_run and options.data is None)
    result, measured = _chosen(original, inner, reading, stages)
    note_densities(result.plan, measured)
    result.report = {
        "input": None if original.path is None else str(original.path),
        **result.report,
        **_report(original.model, result, measured, options.max_drop),
        "settings": settings_entry(options),
    }
    if measured.comparison is not None:
        check_drop(measured.comparison, options.max_drop)
    _write_files(result, options)
    return result


def _chosen(
    original: LoadedModel, options: RewriteOptions, reading: DataOptions, stages: Stages
) -> tuple[RewriteResult, Measured]:
    """The rewrite that the options and the data lead to, and what is measured of it."""
    parts = split_data(original.model, options, reading) if options.spends_accuracy else None
    left_out: dict[str, str] = {}
    if isinstance(parts, Parts) or options.chooses_by_time:
        options, left_out = sound_options(original, options)
    if isinstance(parts, Parts):
        result, measured = _within_budget(original, options, parts, stages)
    else:
        options = options if parts is None else replace(options, data=parts)
        if options.chooses_by_time:
            batches, options = timing_data(original.model, options, reading)
            result = rewrite_by_time(original, options, batches, stages)
        else:
            result = rewrite_model(original, options)
        with stages("measuring", None) as progress:
            measured = measure(original.model, result.model, options, reading, progress)
    note_left_out(result, left_out)
    return result, measured


def _write_files(result: RewriteResult, options: RewriteOptions) -> None:
    """The plan and the reports that the options name."""
    if options.plan_out is not None:
        write_text(options.plan_out, result.plan.to_json(), "--plan-out")
    if options.json is not None:
        write_json(result.report, options.json)
    if options.html is not None:
        write_html(result.report, options.html)


def _within_budget(
    original: LoadedModel, options: RewriteOptions, parts: Parts, stages: Stages
) -> tuple[RewriteResult, Measured]:
    """The first rewritten model that stays within the budget on the samples of the report."""
    seen = {name: array.shape for name, array in parts.timed[0].items()}
    shapes = single_sample_shapes(parts.specs, options.input_shape, seen)

    def measured(result: RewriteResult) -> Measured:
        with stages("measuring", None) as progress:
            return measure_on(original.model, result.model, options, parts.specs, parts.report, progress)

    def is_within(result: RewriteResult) -> bool:
        comparison = measured(result).comparison
        return comparison is not None and comparison.is_within(options.max_drop)

    found = attempts(original, options, parts.search, parts.timed, shapes, is_within, stages)
    for result in found:
        last = result, measured(result)
        comparison = last[1].comparison
        if comparison is not None and comparison.is_within(options.max_drop):
            break
    last[0].report["search"] |= {"images": {"search": parts.search.samples, "report": len(parts.report)}}
    return last


def _report(
    original: onnx.ModelProto, result: RewriteResult, measured: Measured, max_drop: float
) -> dict[str, Any]:
    return build_report(
        result.plan,
        summarise(original),
        summarise(result.model),
        measured.work,
        measured.reduction,
        measured.comparison,
        densities_measured=measured.counting is not None,
        max_drop=max_drop,
    )


def check_drop(comparison: Comparison, max_drop: float) -> None:
    """Refuse a loss above the limit.

    Raises:
        VerificationError: it is; NaN counts as above.
    """
    if comparison.is_within(max_drop):
        return
    before = "the original" if comparison.before is None else f"{comparison.before:.4g}"
    raise VerificationError(
        f"accuracy: {comparison.metric} on {comparison.images} samples went from {before} to "
        f"{comparison.after:.4g}, a drop of {comparison.drop:.4g}, wanted at most {max_drop:g} (--max-drop); "
        "nothing was written; convert fewer sites (--rules, --skip-rules), or use --lossless"
    )
