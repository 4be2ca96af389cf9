"""Plans within an accuracy budget: settings chosen on one part of the data, judged on the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from spl_onnx.data.parts import SearchData
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.shapes import Shape
from spl_onnx.options import Choice, RewriteOptions, name_list
from spl_onnx.progress import Stages, silent_stages
from spl_onnx.rewrite.edit.apply import Applied
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.flops_search import FlopsSearch, flops_plan
from spl_onnx.search.budget.precision_search import PrecisionSearch
from spl_onnx.search.budget.search import BudgetSearch, Found
from spl_onnx.search.budget.time_search import TimeSearch
from spl_onnx.search.budget.tries import SHARES, tries
from spl_onnx.search.time.by_time import TimeChoice, choose_by_time, converted_alike
from spl_onnx.search.time.choose import ChoiceSettings
from spl_onnx.search.time.stopwatch import SessionStopwatch
from spl_onnx.search.trials import trial_options

#: Whether a model stays within the budget on samples that the search has not seen.
Check = Callable[[Applied], bool]


@dataclass(frozen=True)
class Attempt:
    """What a search found for one budget.

    Attributes:
        plan: every site with its choice.
        found: for the report.
    """

    plan: Plan
    found: dict[str, object] = field(default_factory=dict)


def attempts(
    original: LoadedModel,
    options: RewriteOptions,
    data: SearchData,
    timed: list[Feeds],
    shapes: dict[str, Shape | None],
    check: Check,
    stages: Stages = silent_stages,
    weights: SiteWeights | None = None,
) -> Iterator[Attempt]:
    """Plans for smaller and smaller budgets, down to nothing given away.

    Args:
        original: the model, which is not changed.
        options: what to do.
        data: samples of the search.
        timed: single samples for timing.
        shapes: of the inputs, for one sample.
        check: judges a model before much time is spent on making it quick.
        stages: shows the progress.
        weights: of the sites of the model.

    Yields:
        Each plan with what the report tells of the search.
    """
    weights = weights or SiteWeights()
    search = BudgetSearch(original, options, data, stages, weights=weights)
    begin = time.monotonic()
    if options.objective == "flops":
        tried = _by_operations(original, options, search, shapes, weights)
    elif options.weighs_8_bits:
        watch = SessionStopwatch(timed, options.threads, options.provider)
        found = PrecisionSearch(original, options, search, data, timed, watch, stages, weights)
        tried = _in_8_bits(found, options.max_drop, check)
    else:
        tried = _by_clock(original, options, search, timed, check, stages, weights)
    for number, attempt in enumerate(tried, start=1):
        seconds = time.monotonic() - begin
        about = {"attempt": number, "objective": options.objective, "seconds": seconds}
        yield Attempt(attempt.plan, {**attempt.found, **about})


def _by_operations(
    original: LoadedModel,
    options: RewriteOptions,
    search: BudgetSearch,
    shapes: dict[str, Shape | None],
    weights: SiteWeights,
) -> Iterator[Attempt]:
    flops = FlopsSearch(search, options, shapes)
    found = Found()
    for scheme, share in (*tries(options.scheme), ("", 0.0)):
        found = flops.find(share * options.max_drop, scheme) if scheme else _nothing(found)
        note = {} if found.chosen else {"note": "nothing worth converting within the budget"}
        plan = flops_plan(original, options, found, weights)
        yield Attempt(plan, {**_entry(found, "flops"), **note})


def _nothing(last: Found) -> Found:
    """Nothing given away, after a search whose choice was too much."""
    summary = None if last.summary is None else replace(last.summary, cost=1.0, search_drop=0.0)
    return Found(summary=summary)


def _entry(found: Found, unit: str) -> dict[str, object]:
    """What a search has found, for the report."""
    return {**({} if found.summary is None else found.summary.as_json()), "cost_unit": unit}


def _by_clock(
    original: LoadedModel,
    options: RewriteOptions,
    search: BudgetSearch,
    timed: list[Feeds],
    check: Check,
    stages: Stages,
    weights: SiteWeights,
) -> Iterator[Attempt]:
    watch = SessionStopwatch(timed, options.threads, options.provider)
    truncating = TimeSearch(original, options, search, watch, stages, weights)
    found = Found()
    for share in SHARES:
        found, settings = truncating.truncated(share * options.max_drop)
        if found.chosen and check(_everywhere(original, options, settings, weights)):
            choice = choose_by_time(original, options, timed, stages, watch, settings, weights)
            settled = replace(choice, plan=truncating.settled(choice.plan))
            yield _timed(settled, _entry(found, "time"))
    summary = _entry(_nothing(found), "time")
    # A prediction may cost a little although nothing is truncated; to compute everything costs nothing.
    exact = tuple(choice for choice in name_list(options.choices) if choice != Choice.PREDICT)
    for allowed in (options, replace(options, choices=exact)):
        choice = choose_by_time(original, allowed, timed, stages, watch, weights=weights)
        yield _timed(choice, summary)


def _in_8_bits(search: PrecisionSearch, budget: float, check: Check) -> Iterator[Attempt]:
    """Sites in 8 bits that stay within the budget, then those with a half and a quarter of their loss."""
    first = search.within(budget)
    for share in SHARES if first.chosen else ():
        found = first if share == 1.0 else search.less(first, share)
        if found.chosen and check(search.everywhere(found)):
            yield _timed(search.choice(found), _entry(found, "time"))
    yield _timed(search.choice(Found()), _entry(_nothing(first), "time"))


def _timed(choice: TimeChoice, spent: dict[str, object]) -> Attempt:
    """A choice by time with how the budget was spent."""
    return Attempt(choice.plan, {**spent, **choice.summary.as_json()})


def _everywhere(
    original: LoadedModel, options: RewriteOptions, settings: ChoiceSettings, weights: SiteWeights
) -> Applied:
    """The model with the settings of all sites: at least as far from the original as the choice by time."""
    lossless = replace(trial_options(options), choices=Choice.LOSSLESS)
    return converted_alike(original, lossless, settings, weights)[Choice.LOSSLESS]
