"""Spending the accuracy budget on products in 8 bits: sites take them where the network gets quicker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from spl_onnx.data.parts import SearchData
from spl_onnx.data.reader import Feeds
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.progress import Stages, silent_stages
from spl_onnx.rewrite.edit.apply import Applied, apply
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.plan import Key, Plan
from spl_onnx.rewrite.sites.planner import complete_plan, plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.problem import Option, Problem, SiteOptions
from spl_onnx.search.budget.search import BudgetSearch, Found
from spl_onnx.search.ranges import with_bytes, with_ranges
from spl_onnx.search.settings import Setting
from spl_onnx.search.time.by_time import TimeChoice, choose_timed, time_sites
from spl_onnx.search.time.choose import ChoiceSettings, apply_choices
from spl_onnx.search.time.site_times import SiteTimes
from spl_onnx.search.time.stopwatch import Stopwatch
from spl_onnx.search.trials import trial_options
from spl_onnx.spec.attributes import INT8, INT8_WINOGRAD

#: A site that 8 bits make slower, by no more than this, may make the network quicker: its neighbours
#: in 8 bits then need no floats. The clock decides with all of them.
_SLOWER = 2.0
#: Gain of such a site in ms, where sites are sorted by what they gain.
_NO_GAIN = 1e-6


class PrecisionSearch:
    """Finds the sites of a network that multiply in 8 bits.

    Every site is timed dense, lossless, and in both 8-bit algorithms. Where 8 bits are quickest, a site is
    an option of a search for the budget; what that leaves in float32 is chosen by the clock as ever.

    Args:
        original: the model; it is as before afterwards.
        options: what to do.
        search: the network.
        data: samples of the search; the ranges of the inputs come from them.
        timed: samples that times are measured on.
        watch: times models.
        stages: shows the progress.
        weights: of the sites of the model.
    """

    def __init__(
        self,
        original: LoadedModel,
        options: RewriteOptions,
        search: BudgetSearch,
        data: SearchData,
        timed: Sequence[Feeds],
        watch: Stopwatch,
        stages: Stages = silent_stages,
        weights: SiteWeights | None = None,
    ) -> None:
        self._original, self._options, self._search = original, options, search
        self._timed, self._watch, self._stages = timed, watch, stages
        self._weights = weights or SiteWeights()
        search.release()
        direct, winograd = self._ways(data)
        # With bytes between them, as the result has it: with floats 1 x 1 kernels spend half of their time
        # on making bytes of them.
        self._times = time_sites(original, options, timed, watch, self._weights, stages, direct, winograd)
        self._with_floats = {key: _with_floats(settings) for key, settings in self._times.settings.items()}
        self._sites = [made for site in self._times.times if (made := self._option(site)) is not None]

    def within(self, budget: float) -> Found:
        """The sites that take 8 bits for a loss of the metric: all of them, if that is little enough."""
        problem = self._problem(budget)
        everything = {site.site: site.options[0] for site in self._sites}
        if not everything:
            return Found()
        with self._stages("judging 8 bits", 1) as progress:
            fits = problem.allowed(problem.look("every site in 8 bits", everything))
            progress(1)
        if fits:
            return self._search.found(problem, everything, self._options.scheme)
        return self._search.search(problem)

    def less(self, found: Found, share: float) -> Found:
        """The sites of a choice that gain most for their loss, up to a share of the loss of all of them.

        What a site loses alone is measured as divergence; small ones add up.
        """
        problem = self._problem(share * self._options.max_drop)
        problem.path += found.summary.path if found.summary else ()
        losses = {name: sum(values) for name, values in self._search.losses(problem).items()}
        gains = {site.site: max(site.exact - site.options[0].cost, _NO_GAIN) for site in self._sites}
        left = share * sum(losses[name] for name in found.chosen)
        kept: dict[str, Option] = {}
        for name in sorted(found.chosen, key=lambda name: losses[name] / gains[name]):
            left -= losses[name]
            if left < 0.0:
                break
            kept[name] = found.chosen[name]
        problem.look(f"{share:g} of the loss", kept)
        return self._search.found(problem, kept, self._options.scheme)

    def everywhere(self, found: Found) -> Applied:
        """The model with 8 bits wherever the search allows them, and all other sites exact."""
        choices = tuple(self._exact_or(site, found.chosen) for site in self._times.times)
        plan = apply_choices(self._times.plan, self._times.times, choices, self._with_floats)
        return apply(self._original.model, plan, self._weights)

    def choice(self, found: Found) -> TimeChoice:
        """What becomes of every site by time, where these may take 8 bits."""
        self._search.release()
        allowed = {(site.site, site.rule) for site in self._times.times if site.site in found.chosen}
        choice = choose_timed(
            self._original,
            self._options,
            self._times.only(Choice.INT8, allowed),
            self._timed,
            self._watch,
            self._weights,
            self._stages,
        )
        for entry in choice.plan.sites:
            if entry.choice == Choice.INT8:
                was, now = entry.settings, without_bytes(entry.settings)
                entry.become(Choice.INT8, now, entry.reason.replace(was.describe(), now.describe()))
        self._note_times(choice.plan, allowed)
        return choice

    def _problem(self, budget: float) -> Problem:
        exact = [_exact_ms(site) or 0.0 for site in self._times.times]
        rest = sum(exact) - sum(site.exact for site in self._sites)
        return self._search.problem(self._sites, rest, sum(exact), budget)

    def _option(self, site: SiteTimes) -> SiteOptions | None:
        """A site that can be set and that 8 bits make quicker, or hardly slower."""
        exact, now = _exact_ms(site), site.ms.get(Choice.INT8)
        if exact is None or now is None or now >= _SLOWER * exact or site.site not in self._search.sites:
            return None
        settings = self._with_floats[site.site, site.rule][Choice.INT8]
        setting = Setting(Choice.INT8, settings, str(settings.precision))
        return SiteOptions(site.site, exact, (Option(setting, now),), exact)

    def _ways(self, data: SearchData) -> tuple[ChoiceSettings, ChoiceSettings]:
        """Settings of the sites in both algorithms, with bytes between them where samples show their codes.

        A site that an algorithm does not suit has none.
        """
        everything = replace(trial_options(self._options), precision="int8")
        plan = plan_sites(self._original.model, everything, self._weights)
        direct = _in(plan, SiteSettings(precision=INT8))
        direct = with_ranges(self._original, direct, data.batches, self._weights)
        winograd = _in(plan, SiteSettings(precision=INT8_WINOGRAD))
        winograd = complete_plan(self._original.model, winograd, self._weights)
        direct = with_bytes(self._original, direct, data.batches, self._weights)
        winograd = with_bytes(self._original, winograd, data.batches, self._weights)
        return _settings(direct), _settings(winograd)

    @staticmethod
    def _exact_or(site: SiteTimes, in_8_bits: Collection[str]) -> Choice:
        if site.site in in_8_bits:
            return Choice.INT8
        return Choice.LOSSLESS if Choice.LOSSLESS in site.ms else Choice.DENSE

    def _note_times(self, plan: Plan, allowed: Collection[Key]) -> None:
        """Say of the sites that may not take 8 bits how quick these are, and why they may not."""
        times = {(site.site, site.rule): site.ms.get(Choice.INT8) for site in self._times.times}
        quicker = {site.site for site in self._sites if site.options[0].cost < site.exact}
        for entry in plan.sites:
            key = entry.site, entry.rule
            if key not in allowed and (ms := times.get(key)) is not None:
                why = ", given up for accuracy" if entry.site in quicker else ""
                entry.reason += f"; int8 {ms:.3g} ms{why}"


def _exact_ms(site: SiteTimes) -> float | None:
    """Time of a site in its quickest exact way; None where its dense time is not known."""
    if Choice.DENSE not in site.ms:
        return None
    return min(site.ms[choice] for choice in (Choice.DENSE, Choice.LOSSLESS) if choice in site.ms)


def without_bytes(settings: SiteSettings) -> SiteSettings:
    """Settings of a site in 8 bits that takes and gives floats."""
    xscale = settings.xscale if settings.precision == INT8 else None
    return replace(settings, xscale=xscale, yscale=None, rscale=None)


def _with_floats(settings: Mapping[Choice, SiteSettings]) -> dict[Choice, SiteSettings]:
    return {
        choice: without_bytes(value) if choice == Choice.INT8 else value for choice, value in settings.items()
    }


def _in(plan: Plan, settings: SiteSettings) -> Plan:
    """A plan with all its sites in 8 bits in one way."""
    made = Plan([replace(entry) for entry in plan.sites])
    for entry in made.sites:
        if entry.choice == Choice.INT8:
            entry.become(Choice.INT8, settings)
    return made


def _settings(plan: Plan) -> ChoiceSettings:
    """Settings of the sites of a plan that are in 8 bits."""
    in_8_bits = (entry for entry in plan.sites if entry.choice == Choice.INT8)
    return {(entry.site, entry.rule): {Choice.INT8: entry.settings} for entry in in_8_bits}
