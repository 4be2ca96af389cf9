"""Spending the accuracy budget on time: small outputs become 0 where that makes the network quicker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spl_onnx.measure.memory import give_back
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.predictors.site_settings import Numbers, numbers
from spl_onnx.progress import Progress, Stages, silent_stages
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.predict import default_settings
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.problem import Option, SiteOptions, ladder
from spl_onnx.search.budget.producers import producers
from spl_onnx.search.budget.search import BudgetSearch, Found
from spl_onnx.search.budget.site_options import truncations, with_prediction
from spl_onnx.search.budget.time_model import TIMED, TimeModel
from spl_onnx.search.settings import EXACT, Setting
from spl_onnx.search.time.by_time import converted_alike
from spl_onnx.search.time.choose import ChoiceSettings, exactness
from spl_onnx.search.time.site_nodes import NodeNames, SiteNodes, named_nodes, site_nodes
from spl_onnx.search.time.site_times import SiteTimes, site_times
from spl_onnx.search.time.stopwatch import Stopwatch
from spl_onnx.search.trials import trial_options


class TimeSearch:
    """Finds how much to truncate for the sites of a network, for one budget after the other.

    Args:
        original: the model; it is as before afterwards.
        options: what to do.
        search: the network.
        watch: times models.
        stages: shows the progress.
        weights: of the sites of the model.
    """

    def __init__(
        self,
        original: LoadedModel,
        options: RewriteOptions,
        search: BudgetSearch,
        watch: Stopwatch,
        stages: Stages = silent_stages,
        weights: SiteWeights | None = None,
    ) -> None:
        self._original, self._options, self._search = original, trial_options(options), search
        self._weights = weights or SiteWeights()
        self._predictor = default_settings(options)
        self._truncations = {layer.site.name: truncations(layer) for layer in search.layers()}
        self._rules = _rules(original, self._options, self._weights)
        with stages("timing truncated networks", None) as progress:
            times = self._times(watch, progress)
        self._model = TimeModel(times, producers(search.base))

    def truncated(self, budget: float) -> tuple[Found, ChoiceSettings]:
        """What the budget buys, and the settings of every site for each choice."""
        whole = self._model.total
        sites = [self._options_of(name, made) for name, made in self._truncations.items()]
        rest = whole - sum(site.exact for site in sites)
        found = self._search.search(self._search.problem(sites, rest, whole, budget))
        self._search.release()
        settings = {name: option.setting for name, option in found.chosen.items()}
        shifts = {name: numbers(values) for name, values in found.shifts.items()}
        return found, self._by_choice(settings, shifts)

    def settled(self, plan: Plan) -> Plan:
        """A plan with the shifts that belong to it.

        Its sites that stayed dense are not truncated, and nothing is missing behind them.

        Args:
            plan: the choice by time.
        """
        made = Plan([replace(entry) for entry in plan.sites])
        converted = [entry for entry in made.sites if entry.is_rewritten]
        for entry in converted:
            entry.settings = replace(entry.settings, shift=None)
        config = {entry.site: Setting(entry.choice, entry.settings) for entry in converted}
        shifts = self._search.shifts_of(config, config)
        for entry in converted:
            if entry.site in shifts:
                entry.settings = replace(entry.settings, shift=numbers(shifts[entry.site]))
            if entry.choice != Choice.PREDICT:
                entry.choice = exactness(entry.settings)
        return made

    def _options_of(self, name: str, made: list[tuple[float, Setting]]) -> SiteOptions:
        exact = self._model.cost(name, 0.0)
        options = [Option(setting, self._model.cost(name, error), error) for error, setting in made]
        return SiteOptions(name, exact, ladder(options, exact), exact)

    def _by_choice(self, chosen: Mapping[str, Setting], shifts: Mapping[str, Numbers]) -> ChoiceSettings:
        by_choice: ChoiceSettings = {}
        for name, rule in self._rules.items():
            setting = chosen.get(name, EXACT)
            shift = shifts.get(name)
            by_choice[name, rule] = {
                Choice.LOSSLESS: replace(setting.settings, shift=shift),
                Choice.PREDICT: replace(with_prediction(setting, self._predictor), shift=shift),
            }
        return by_choice

    def _times(self, watch: Stopwatch, progress: Progress) -> list[list[SiteTimes]]:
        """Times of all sites with all of them truncated to each of the errors `TIMED`."""
        sites = site_nodes(self._original.model, self._options)
        return [self._times_at(error, sites, watch, progress) for error in TIMED]

    def _times_at(
        self, error: float, sites: list[SiteNodes], watch: Stopwatch, progress: Progress
    ) -> list[SiteTimes]:
        """Times of the original and of the models converted at one error; all errors need too much memory."""
        original = self._original.model
        made = converted_alike(self._original, self._options, self._at(error), self._weights)
        with named_nodes(original):
            models = [original, *(applied.model for applied in made.values())]
            runs = dict(zip((Choice.DENSE, *made), watch.profiles(models, progress), strict=True))
            names = NodeNames.of(original)
        del made, models
        give_back()
        return site_times(sites, names, runs, lambda site: None)

    def _at(self, error: float) -> ChoiceSettings:
        """Every site truncated to an error; a site that cannot be is exact."""
        chosen = {
            name: max((pair for pair in made if pair[0] <= error), key=lambda pair: pair[0])[1]
            for name, made in self._truncations.items()
            if any(e <= error for e, _ in made)
        }
        return self._by_choice(chosen, {})


def _rules(original: LoadedModel, options: RewriteOptions, weights: SiteWeights) -> dict[str, str]:
    """Rule of every site that can be converted."""
    plan = plan_sites(original.model, options, weights)
    return {entry.site: entry.rule for entry in plan.sites if entry.is_rewritten}
