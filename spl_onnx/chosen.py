"""The rewrite that options and data lead to: by the rules, by a plan, by the clock, or within a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from spl_onnx.data import DataOptions
from spl_onnx.data.parts import Parts, split_data
from spl_onnx.data.timing import timing_data
from spl_onnx.measure.rewritten import Measured, measure, measure_on
from spl_onnx.measure.shapes import single_sample_shapes
from spl_onnx.options import RewriteOptions
from spl_onnx.progress import Stages
from spl_onnx.rewrite.edit.apply import Applied
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.attempts import Attempt, attempts
from spl_onnx.search.ranges import with_bytes, with_ranges
from spl_onnx.search.sound import note_left_out, sound_options
from spl_onnx.search.time.by_time import choose_by_time
from spl_onnx.steps import carry_out, carry_out_found, check_original, make_plan


def choose(
    original: LoadedModel, options: RewriteOptions, reading: DataOptions, stages: Stages
) -> tuple[RewriteResult, Measured]:
    """The rewritten model that options and data lead to, and what is measured of it.

    Args:
        original: the model, which is not changed.
        options: what to do.
        reading: how the data is read.
        stages: shows the progress.

    Raises:
        DataError: the data does not fit the model.
    """
    splits = options.spends_accuracy or (options.is_in_8_bits and options.data is not None)
    parts = split_data(original.model, options, reading) if splits else None
    check_original(original, options)
    left_out: dict[str, str] = {}
    weights = SiteWeights()
    if options.weighs_8_bits and not isinstance(parts, Parts):
        options = replace(options, precision="float32")  # nothing is left to judge a loss on
    if options.spends_accuracy or options.chooses_by_time:
        options, left_out = sound_options(original, options, weights)
    if isinstance(parts, Parts) and options.is_in_8_bits:
        result, measured = _in_8_bits(original, options, parts, stages, weights)
    elif isinstance(parts, Parts):
        result, measured = _within_budget(original, options, parts, stages, weights)
    else:
        options = options if parts is None else replace(options, data=parts)
        result, options = _without_budget(original, options, reading, stages, weights)
        with stages("measuring", None) as progress:
            measured = measure(original.model, result.model, options, reading, progress)
    note_left_out(result, left_out)
    return result, measured


def _in_8_bits(
    original: LoadedModel, options: RewriteOptions, parts: Parts, stages: Stages, weights: SiteWeights
) -> tuple[RewriteResult, Measured]:
    """Every site in 8 bits, with the ranges of one part of the samples, measured on the other."""
    plan = make_plan(original, options, weights)
    with stages("ranges of inputs", None):
        plan = with_ranges(original, plan, parts.search.batches, weights)
        plan = with_bytes(original, plan, parts.search.batches, weights)
    result = carry_out(original, plan, options, weights)
    with stages("measuring", None) as progress:
        measured = measure_on(original.model, result.model, options, parts.specs, parts.report, progress)
    return result, measured


def _without_budget(
    original: LoadedModel, options: RewriteOptions, reading: DataOptions, stages: Stages, weights: SiteWeights
) -> tuple[RewriteResult, RewriteOptions]:
    """The rewrite by the clock, the rules or a plan, and options with data that can be read once more."""
    if not options.chooses_by_time:
        return carry_out(original, make_plan(original, options, weights), options, weights), options
    batches, options = timing_data(original.model, options, reading)
    choice = choose_by_time(original, options, batches, stages, weights=weights)
    return carry_out_found(original, choice.plan, choice.summary.as_json(), options, weights), options


def _within_budget(
    original: LoadedModel, options: RewriteOptions, parts: Parts, stages: Stages, weights: SiteWeights
) -> tuple[RewriteResult, Measured]:
    """The first rewritten model that stays within the budget on the samples of the report."""
    seen = {name: array.shape for name, array in parts.timed[0].items()}
    shapes = single_sample_shapes(parts.specs, options.input_shape, seen)

    def measured(made: RewriteResult | Applied) -> Measured:
        with stages("measuring", None) as progress:
            return measure_on(original.model, made.model, options, parts.specs, parts.report, progress)

    def is_within(found: Measured) -> bool:
        if found.comparison is None:
            return False
        if options.is_judged_by_expectation:
            return found.comparison.is_likely_within(options.max_drop)
        return found.comparison.is_within(options.max_drop)

    def check(made: Applied) -> bool:
        return is_within(measured(made))

    tried = attempts(original, options, parts.search, parts.timed, shapes, check, stages, weights)
    for attempt in _bytes_first(original, tried, parts, weights):
        result = carry_out_found(original, attempt.plan, attempt.found, options, weights)
        last = result, measured(result)
        if is_within(last[1]):
            break
    last[0].report["search"] |= {"images": {"search": parts.search.samples, "report": len(parts.report)}}
    return last


def _bytes_first(
    original: LoadedModel, tried: Iterable[Attempt], parts: Parts, weights: SiteWeights
) -> Iterator[Attempt]:
    """Every attempt; before it the same with bytes between sites, where neighbours are in 8 bits."""
    for attempt in tried:
        plan = with_bytes(original, attempt.plan, parts.search.batches, weights)
        if plan != attempt.plan:
            yield replace(attempt, plan=plan)
        yield attempt
