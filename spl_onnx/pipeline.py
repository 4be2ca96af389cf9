"""Rewrite a model and, where there is data, measure what the rewriting did before anybody writes it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from spl_onnx.data import DataOptions, input_specs, open_data
from spl_onnx.data.inputs import InputSpec, pin_shapes
from spl_onnx.data.reader import Feeds, Reader
from spl_onnx.data.split import MINIMUM, split_if_enough
from spl_onnx.errors import DataError, ModelError, UsageError, VerificationError
from spl_onnx.files import write_text
from spl_onnx.measure.compare import Comparison, compare
from spl_onnx.measure.evaluate import Progress, Stages, silent, silent_stages
from spl_onnx.measure.flops import ModelWork, Reduction, model_work, reduction
from spl_onnx.measure.metrics import check_metric
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.shapes import Shape, single_sample_shapes
from spl_onnx.measure.statistics import CountingModel
from spl_onnx.options import RewriteOptions
from spl_onnx.report.build import build_report, settings_entry, write_json
from spl_onnx.report.html import write_html
from spl_onnx.report.summary import summarise
from spl_onnx.rewrite.model_io import LoadedModel, check_unprotected, read_model
from spl_onnx.rewrite.plan import Plan
from spl_onnx.rewrite.rewriter import RewriteResult, rewrite_model
from spl_onnx.search.accuracy import SearchData
from spl_onnx.search.budget import attempts, search_data, timed_result
from spl_onnx.search.by_time import choose_by_time
from spl_onnx.search.sound import note_left_out, sound_options
from spl_onnx.search.timing_data import fixed_batch, timed_batches, timing_data
from spl_onnx.spec.messages import known_sizes

#: Differences of means of 0s and 1s carry rounding; a drop equal to the limit is within it.
_ROUNDING = 1e-9


def rewrite_and_measure(
    model: onnx.ModelProto | str | Path, data: Any, options: dict[str, Any]
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
    parts = split_data(original.model, inner, reading) if options.spends_accuracy else None
    left_out: dict[str, str] = {}
    if isinstance(parts, Parts) or options.chooses_by_time:
        inner, left_out = sound_options(original, inner)
    if isinstance(parts, Parts):
        result, measured = _within_budget(original, inner, parts, stages)
    else:
        inner = inner if parts is None else replace(inner, data=parts)
        if options.chooses_by_time:
            batches, inner = timing_data(original.model, inner, reading)
            result = rewrite_by_time(original, inner, batches, stages)
        else:
            result = rewrite_model(original, inner)
        with stages("measuring", None) as progress:
            measured = measure(original.model, result.model, inner, reading, progress)
    note_densities(result.plan, measured)
    note_left_out(result, left_out)
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


def _write_files(result: RewriteResult, options: RewriteOptions) -> None:
    """The plan and the reports that the options name."""
    if options.plan_out is not None:
        write_text(options.plan_out, result.plan.to_json(), "--plan-out")
    if options.json is not None:
        write_json(result.report, options.json)
    if options.html is not None:
        write_html(result.report, options.html)


@dataclass(frozen=True)
class Parts:
    """Data in its two parts.

    Attributes:
        search: samples that settings are chosen on.
        report: samples that the result is measured on.
        timed: single samples of the first part, for timing.
        specs: inputs of the model.
    """

    search: SearchData
    report: Reader
    timed: list[Feeds]
    specs: list[InputSpec]


def split_data(model: onnx.ModelProto, options: RewriteOptions, reading: DataOptions) -> Parts | Reader:
    """The data of the options in two parts; all of it where nothing can be searched on.

    That is with too few samples, or with outputs that do not have one shape.

    Raises:
        DataError: the data does not fit the model.
    """
    specs = pin_shapes(input_specs(model), options.input_shape)
    reader = open_data(options.data, specs, reading)
    multiple = fixed_batch(specs) or 1
    found = split_if_enough(reader, options.search_images, multiple)
    if isinstance(found, Reader):
        if options.objective == "flops":
            raise DataError(
                f"data: got fewer than {2 * MINIMUM} samples, wanted at least {MINIMUM} to choose settings "
                f"on and {MINIMUM} others to measure the drop on (--objective flops)"
            )
        return found
    search, report = found
    data = search_data(search)
    if not _has_one_shape(model, data):
        if options.objective == "flops":
            raise DataError(
                "data: the samples have several shapes and so have the outputs, wanted one shape to compare "
                "them all at once (--objective flops)"
            )
        return search.source
    return Parts(data, report, timed_batches(data.batches, options, specs), specs)


def _has_one_shape(model: onnx.ModelProto, data: SearchData) -> bool:
    """Whether the first output has one shape for all samples, their number aside."""
    sizes = (known_sizes(model.graph.output[0]) or ())[1:]
    shapes = {tuple((name, array.shape[1:]) for name, array in feeds.items()) for feeds in data.batches}
    return len(shapes) == 1 or (len(sizes) > 0 and None not in sizes)


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
        return comparison is not None and comparison.drop <= options.max_drop + _ROUNDING

    found = attempts(original, options, parts.search, parts.timed, shapes, is_within, stages)
    for result in found:
        last = result, measured(result)
        comparison = last[1].comparison
        if comparison is not None and comparison.drop <= options.max_drop + _ROUNDING:
            break
    last[0].report["search"] |= {"images": {"search": parts.search.samples, "report": len(parts.report)}}
    return last


def rewrite_by_time(
    original: LoadedModel, options: RewriteOptions, batches: list[Feeds], stages: Stages = silent_stages
) -> RewriteResult:
    """Choose by measured time and rewrite, giving nothing away but what a prediction costs.

    Args:
        original: the model, which is not changed.
        options: what to do.
        batches: samples that times are measured on.
        stages: shows the progress.

    Returns:
        The result; its report has the entry `search`.
    """
    return timed_result(original, options, choose_by_time(original, options, batches, stages))


@dataclass(frozen=True)
class Measured:
    """What is known of a rewritten model.

    Attributes:
        comparison: its accuracy against the original; None without data.
        counting: the model that counted densities; None without data.
        work: its operations; None where no shape could be inferred.
    """

    comparison: Comparison | None
    counting: CountingModel | None
    work: ModelWork | None

    @property
    def reduction(self) -> Reduction | None:
        """Its work with the measured densities, for reports; None where the shapes are not all known."""
        if self.work is None or not self.work.complete:
            return None
        return reduction(self.work, self.counting.counts if self.counting else {})


def measure(
    original: onnx.ModelProto,
    rewritten: onnx.ModelProto,
    options: RewriteOptions,
    reading: DataOptions,
    progress: Progress = silent,
) -> Measured:
    """Accuracy, densities and work of a rewritten model.

    Raises:
        DataError: the data does not fit the model.
        PluginError: there is data and the operator library cannot be used.
    """
    specs = pin_shapes(input_specs(original), options.input_shape)
    if options.data is None:
        return Measured(None, None, work_of(rewritten, single_sample_shapes(specs, options.input_shape)))
    reader = open_data(options.data, specs, reading)
    return measure_on(original, rewritten, options, specs, reader, progress)


def measure_on(
    original: onnx.ModelProto,
    rewritten: onnx.ModelProto,
    options: RewriteOptions,
    specs: list[InputSpec],
    reader: Reader,
    progress: Progress = silent,
) -> Measured:
    """Accuracy, densities and work on the samples of a reader."""
    reader.rewind()
    counting = CountingModel(rewritten)
    comparison = compare(partial(run, create_session(original)), counting, reader, options.metric, progress)
    shapes = single_sample_shapes(specs, options.input_shape, counting.seen)
    return Measured(comparison, counting, work_of(rewritten, shapes))


def work_of(model: onnx.ModelProto, inputs: dict[str, Shape | None]) -> ModelWork | None:
    """Operations of a model, None where shape inference fails."""
    try:
        return model_work(model, inputs)
    except (onnx.shape_inference.InferenceError, ModelError, RuntimeError, ValueError):
        return None


def note_densities(plan: Plan, measured: Measured) -> None:
    """Write measured densities and zeros into the plan."""
    if measured.counting is None:
        return
    for site in plan.sites:
        counts = measured.counting.counts.get(site.site)
        if counts is not None and site.is_rewritten:
            site.density, site.zeros = counts.density, counts.zero_share


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
    if comparison.drop <= max_drop + _ROUNDING:
        return
    before = "the original" if comparison.before is None else f"{comparison.before:.4g}"
    raise VerificationError(
        f"accuracy: {comparison.metric} on {comparison.images} samples went from {before} to "
        f"{comparison.after:.4g}, a drop of {comparison.drop:.4g}, wanted at most {max_drop:g} (--max-drop); "
        "nothing was written; convert fewer sites (--rules, --skip-rules), or use --lossless"
    )
