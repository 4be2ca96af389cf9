"""Choosing dense, lossless, predicted or in 8 bits for every site by measured time.

1. The original and a model with all sites converted in each way run in turn under the profiler.
2. Every site takes the choice whose nodes are quickest.
3. Layout conversions depend on neighbours, so changes are tried on the whole network and kept where it gains.
4. A result that is not quicker than the original beyond the noise is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import onnx

from spl_onnx.data.reader import Feeds, samples_of
from spl_onnx.measure.memory import give_back
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.progress import Progress, Stages, silent_stages
from spl_onnx.rewrite.edit.apply import Applied, apply
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Key, Plan, SitePlan
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.time.choose import (
    Choices,
    ChoiceSettings,
    apply_choices,
    converted_plan,
    starts,
)
from spl_onnx.search.time.isolated import isolated_ms
from spl_onnx.search.time.refine import Refiner
from spl_onnx.search.time.site_nodes import NodeNames, SiteNodes, named_nodes, site_nodes
from spl_onnx.search.time.site_times import Fallback, SiteTimes, layout_ms, site_times
from spl_onnx.search.time.stopwatch import SessionStopwatch, Stopwatch, gain
from spl_onnx.search.time.summary import TimeSummary
from spl_onnx.search.trials import trial_options

#: A change may save more than the conversions that were measured, as borders move with it; this is generous.
_BOUND_LAYOUTS = 2.0
#: Runs of a whole network for a verdict, where there are fewer samples than that.
_LEAST_RUNS = 16


@dataclass(frozen=True)
class TimeChoice:
    """What the search found.

    Attributes:
        plan: every site with its choice, times and reason.
        summary: for the report.
    """

    plan: Plan
    summary: TimeSummary


@dataclass(frozen=True)
class TimedSites:
    """Times of all sites, and what is needed to build models from choices.

    Attributes:
        plan: every site converted in one way.
        times: of the sites, in each way.
        settings: of each site for each choice.
        layout_ms: of all conversions between layouts in a run.
    """

    plan: Plan
    times: list[SiteTimes]
    settings: ChoiceSettings
    layout_ms: float

    def only(self, choice: Choice, sites: Collection[Key]) -> TimedSites:
        """The same where no sites but these may take a choice."""
        kept = [
            site if (site.site, site.rule) in sites else replace(site, ms=_without(site.ms, choice))
            for site in self.times
        ]
        return replace(self, times=kept)


def choose_by_time(
    original: LoadedModel,
    options: RewriteOptions,
    batches: Sequence[Feeds],
    stages: Stages = silent_stages,
    watch: Stopwatch | None = None,
    settings: ChoiceSettings | None = None,
    weights: SiteWeights | None = None,
) -> TimeChoice:
    """Choose for every site.

    Args:
        original: the model; it is as before afterwards.
        options: what to do.
        batches: samples that times are measured on.
        stages: shows the progress.
        watch: times models; None = ONNX Runtime sessions.
        settings: settings of the sites for each choice; None = exact, and predicted as the options say.
        weights: of the sites of the model.

    Raises:
        PluginError: the operator library cannot be used.
    """
    weights = weights or SiteWeights()
    watch = watch or SessionStopwatch(batches, options.threads, options.provider)
    measured = time_sites(original, options, batches, watch, weights, stages, settings or {})
    return choose_timed(original, options, measured, batches, watch, weights, stages)


def time_sites(
    original: LoadedModel,
    options: RewriteOptions,
    batches: Sequence[Feeds],
    watch: Stopwatch,
    weights: SiteWeights,
    stages: Stages = silent_stages,
    *settings: ChoiceSettings,
) -> TimedSites:
    """Time every site in each way.

    Args:
        original: the model; it is as before afterwards.
        options: what to do.
        batches: samples that times are measured on.
        watch: times models.
        weights: of the sites of the model.
        stages: shows the progress.
        settings: of the sites for each choice; where there are two, the second are other ones for int8, and
            the quicker ones count.

    Raises:
        PluginError: the operator library cannot be used.
    """
    options = trial_options(options)
    sites = site_nodes(original.model, options)
    if not sites or not options.converting_choices:
        return TimedSites(plan_sites(original.model, options, weights), [], {}, 0.0)
    fallback = partial(
        isolated_ms,
        original.model,
        batches=batches,
        threads=options.threads,
        provider=options.provider,
    )
    with stages("timing sites", len(batches) + 1) as progress:
        made = converted_alike(original, options, settings[0] if settings else {}, weights)
        other = None
        if len(settings) > 1:
            in_8_bits = replace(options, choices=Choice.INT8)
            every = {**settings[0], **settings[1]}
            other = converted_alike(original, in_8_bits, every, weights)[Choice.INT8]
        return _measure(original, made, other, sites, watch, progress, fallback)


def _without(ms: Mapping[Choice, float], choice: Choice) -> dict[Choice, float]:
    return {other: time for other, time in ms.items() if other != choice}


def _timed(options: RewriteOptions, batches: Sequence[Feeds]) -> TimeSummary:
    """What is timed."""
    sizes = [samples_of(feeds) for feeds in batches]
    return TimeSummary(sum(sizes), max(sizes), options.threads)


def converted_alike(
    original: LoadedModel, options: RewriteOptions, settings: ChoiceSettings, weights: SiteWeights
) -> dict[Choice, Applied]:
    """The model with every site converted in one way, for each choice that times are compared for."""
    made = {}
    for choice in options.converting_choices:
        exact = replace(options, lossless=True, predictor="auto", keep=None)
        plan = plan_sites(original.model, options if choice == Choice.PREDICT else exact, weights)
        if settings:
            plan = converted_plan(plan, choice, settings)
        made[choice] = apply(original.model, plan, weights)
    give_back()
    return made


def _measure(
    original: LoadedModel,
    made: dict[Choice, Applied],
    other: Applied | None,
    sites: list[SiteNodes],
    watch: Stopwatch,
    progress: Progress,
    fallback: Fallback,
) -> TimedSites:
    results = [*made.values()] if other is None else [*made.values(), other]
    with named_nodes(original.model):
        models = [original.model, *(result.model for result in results)]
        profiles = watch.profiles(models, progress)
        names = NodeNames.of(original.model)
    runs = dict(zip((Choice.DENSE, *made), profiles, strict=False))
    times = site_times(sites, names, runs, fallback)
    settings = _settings_of(made)
    _drop_impossible(times, {choice: result.plan for choice, result in made.items()})
    if other is not None:
        second = {Choice.DENSE: profiles[0], Choice.INT8: profiles[-1]}
        again = site_times(sites, names, second, lambda site: None)
        _drop_impossible(again, {Choice.INT8: other.plan})
        _take_quicker(times, settings, again, _settings_of({Choice.INT8: other}))
    plan = next(iter(made.values())).plan
    return TimedSites(plan, times, settings, max(map(layout_ms, profiles)))


def _settings_of(made: dict[Choice, Applied]) -> ChoiceSettings:
    """Settings of the sites that were made in each way."""
    settings: ChoiceSettings = {}
    for choice, result in made.items():
        for entry in result.plan.sites:
            if _is(entry, choice):
                settings.setdefault((entry.site, entry.rule), {})[choice] = entry.settings
    return settings


def _take_quicker(
    times: list[SiteTimes], settings: ChoiceSettings, others: list[SiteTimes], other: ChoiceSettings
) -> None:
    """Give each site the other settings for int8 where these are quicker."""
    for site, second in zip(times, others, strict=True):
        time = second.ms.get(Choice.INT8)
        if time is not None and time < site.ms.get(Choice.INT8, math.inf):
            key = site.site, site.rule
            site.ms[Choice.INT8] = time
            settings.setdefault(key, {})[Choice.INT8] = other[key][Choice.INT8]


def _drop_impossible(times: list[SiteTimes], plans: dict[Choice, Plan]) -> None:
    """A converted model may hold a site in another form than its own: refused, or not predictable."""
    for choice, plan in plans.items():
        made = {(entry.site, entry.rule) for entry in plan.sites if _is(entry, choice)}
        for site in times:
            if (site.site, site.rule) not in made:
                site.ms.pop(choice, None)


def _is(entry: SitePlan, choice: Choice) -> bool:
    """Whether a site was made so; lossless ones with settings are called truncate."""
    return entry.choice == choice or (entry.choice, choice) == (Choice.TRUNCATE, Choice.LOSSLESS)


def choose_timed(
    original: LoadedModel,
    options: RewriteOptions,
    measured: TimedSites,
    batches: Sequence[Feeds],
    watch: Stopwatch,
    weights: SiteWeights,
    stages: Stages = silent_stages,
) -> TimeChoice:
    """From the times of the sites to a choice for the whole network; arguments as for `choose_by_time`."""
    times, timed = measured.times, _timed(options, batches)
    runs = max(len(batches), _LEAST_RUNS)
    if not times:
        return _nothing(measured.plan, [], "no site can be converted", timed)

    def made(choices: Choices) -> onnx.ModelProto:
        if all(choice == Choice.DENSE for choice in choices):
            return original.model
        plan = apply_choices(measured.plan, times, choices, measured.settings)
        return apply(original.model, plan, weights).model

    bound = _BOUND_LAYOUTS * measured.layout_ms
    refiner = Refiner(times, lambda choices: watch.open(made(choices)), watch, runs, bound)
    with stages("trying changes", None) as progress:
        search = refiner.best_start(starts(times))
        # The best so far is a whole network: who is tired of waiting gets that.
        with suppress(KeyboardInterrupt):
            refiner.improve(search, options.search_seconds, progress)
    dense = watch.times([watch.open(original.model), search.opened], runs)
    verdict = gain(*dense)
    summary = replace(
        timed,
        tried=search.tried,
        kept=search.kept,
        speedup=verdict.ratio,
        noise=verdict.noise,
        original_ms=dense[0].median,
        chosen_ms=dense[1].median,
    )
    if not verdict.is_real or all(choice == Choice.DENSE for choice in search.choices):
        reason = f"{verdict.ratio:.3f} x the original's speed, noise {verdict.noise:.3f}"
        return _nothing(measured.plan, times, reason, summary)
    return TimeChoice(apply_choices(measured.plan, times, search.choices, measured.settings), summary)


def _nothing(plan: Plan, times: list[SiteTimes], reason: str, summary: TimeSummary) -> TimeChoice:
    """The verdict that the original stays as it is."""
    dense = apply_choices(plan, times, (Choice.DENSE,) * len(times), {})
    for entry in dense.sites:
        if entry.is_rewritten:
            entry.become(Choice.DENSE)
    return TimeChoice(dense, replace(summary, faster=False, note=f"nothing worth converting: {reason}"))
