"""Rewriting with an accuracy budget: settings chosen on one part of the data, judged on the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from spl_onnx.data.parts import SearchData
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.shapes import Shape
from spl_onnx.options import Choice, RewriteOptions, name_list
from spl_onnx.progress import Stages, silent_stages
from spl_onnx.rewrite.model_io import LoadedModel
from spl_onnx.rewrite.repair import leave_dense
from spl_onnx.rewrite.rewriter import RewriteResult, rewrite_model
from spl_onnx.search.budget.flops_search import FlopsSearch, flops_plan
from spl_onnx.search.budget.search import BudgetSearch, Found
from spl_onnx.search.budget.time_search import TimeSearch
from spl_onnx.search.budget.tries import SHARES, tries
from spl_onnx.search.time.by_time import choose_by_time, converted_alike, timed_result
from spl_onnx.search.time.choose import ChoiceSettings
from spl_onnx.search.time.stopwatch import SessionStopwatch
from spl_onnx.search.trials import trial_options

#: Whether a model stays within the budget on samples that the search has not seen.
Check = Callable[[RewriteResult], bool]


def attempts(
    original: LoadedModel,
    options: RewriteOptions,
    data: SearchData,
    timed: list[Feeds],
    shapes: dict[str, Shape | None],
    check: Check,
    stages: Stages = silent_stages,
) -> Iterator[RewriteResult]:
    """Rewritten models for smaller and smaller budgets, down to nothing given away.

    Args:
        original: the model, which is not changed.
        options: what to do.
        data: samples of the search.
        timed: single samples for timing.
        shapes: of the inputs, for one sample.
        check: judges a model before much time is spent on making it quick.
        stages: shows the progress.

    Yields:
        Results; their reports have the entry `search`.
    """
    search = BudgetSearch(original, options, data, stages)
    begin = time.monotonic()
    make = _flops_results if options.objective == "flops" else _time_results
    for number, result in enumerate(make(original, options, search, timed, shapes, check, stages)):
        result.report["search"] |= {
            "attempt": number + 1,
            "objective": options.objective,
            "seconds": time.monotonic() - begin,
        }
        yield result


def _flops_results(
    original: LoadedModel,
    options: RewriteOptions,
    search: BudgetSearch,
    timed: list[Feeds],
    shapes: dict[str, Shape | None],
    check: Check,
    stages: Stages,
) -> Iterator[RewriteResult]:
    flops = FlopsSearch(search, options, shapes)
    found = Found()
    for scheme, share in (*tries(options.scheme), ("", 0.0)):
        found = flops.find(share * options.max_drop, scheme) if scheme else _nothing(found)
        plan = flops_plan(original, options, found)
        result = rewrite_model(original, options, plan)
        plan = leave_dense(plan, result.refused)
        if not any(entry.is_rewritten for entry in plan.sites):
            result.model = original.model
        result.plan = plan
        note = {} if found.chosen else {"note": "nothing worth converting within the budget"}
        result.report["search"] = {**_entry(found, "flops"), **note}
        yield result


def _nothing(last: Found) -> Found:
    """Nothing given away, after a search whose choice was too much."""
    summary = None if last.summary is None else replace(last.summary, cost=1.0, search_drop=0.0)
    return Found(summary=summary)


def _entry(found: Found, unit: str) -> dict[str, object]:
    """What a search has found, for the report."""
    return {**({} if found.summary is None else found.summary.as_json()), "cost_unit": unit}


def _time_results(
    original: LoadedModel,
    options: RewriteOptions,
    search: BudgetSearch,
    timed: list[Feeds],
    shapes: dict[str, Shape | None],
    check: Check,
    stages: Stages,
) -> Iterator[RewriteResult]:
    watch = SessionStopwatch(timed, options.threads, options.provider)
    truncating = TimeSearch(original, options, search, watch, stages)
    found = Found()
    for share in SHARES:
        found, settings = truncating.truncated(share * options.max_drop)
        if found.chosen and check(_everywhere(original, options, settings)):
            choice = choose_by_time(original, options, timed, stages, watch, settings)
            settled = replace(choice, plan=truncating.settled(choice.plan))
            yield timed_result(original, options, settled, _entry(found, "time"))
    summary = _entry(_nothing(found), "time")
    # A prediction may cost a little although nothing is truncated; to compute everything costs nothing.
    exact = tuple(choice for choice in name_list(options.choices) if choice != Choice.PREDICT)
    for allowed in (options, replace(options, choices=exact)):
        choice = choose_by_time(original, allowed, timed, stages, watch)
        yield timed_result(original, allowed, choice, summary)


def _everywhere(original: LoadedModel, options: RewriteOptions, settings: ChoiceSettings) -> RewriteResult:
    """The model with the settings of all sites: at least as far from the original as the choice by time."""
    lossless = replace(trial_options(options), choices=Choice.LOSSLESS)
    return converted_alike(original, lossless, settings)[Choice.LOSSLESS]
