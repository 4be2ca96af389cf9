"""A network prepared for searches that give accuracy away: sampled, run in segments, judged, remembered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import onnx

from spl_onnx.arrays import Array
from spl_onnx.data.parts import SearchData
from spl_onnx.data.reader import samples_of
from spl_onnx.measure.sites import converted_sites
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.progress import Stages, silent_stages
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.budget.algorithm1 import ORDERS, algorithm_1
from spl_onnx.search.budget.calibration import Fitting, SiteLayer, site_layers
from spl_onnx.search.budget.evaluator import Evaluator, Journal, fingerprint
from spl_onnx.search.budget.lagrange import Losses, lagrange, measured_options, site_losses
from spl_onnx.search.budget.problem import Option, Problem, SiteOptions, config_of
from spl_onnx.search.budget.quality import Judge
from spl_onnx.search.budget.summary import BudgetSummary
from spl_onnx.search.budget.thorough import thorough
from spl_onnx.search.network.runner import SHIFT_SAMPLES, NetworkRunner, Shift
from spl_onnx.search.network.sessions import SegmentSessions
from spl_onnx.search.settings import Config
from spl_onnx.search.trials import trial_options

#: Samples that thresholds and floors come from.
CALIBRATION_SAMPLES = 64
#: Samples that pruned weights are fitted to.
FITTING_SAMPLES = 128
#: Samples that the divergence of one site alone is measured on.
LOSS_SAMPLES = 48


@dataclass
class Found:
    """What the search chose.

    Attributes:
        chosen: option of every site that is not exact.
        shifts: shift of the bias of every site behind one of them.
        cost: of the network, as a share of the original's.
        drop: loss of the metric on the samples of the search.
        summary: for the report; None where nothing was searched.
    """

    chosen: dict[str, Option] = field(default_factory=dict)
    shifts: dict[str, Shift] = field(default_factory=dict)
    cost: float = 1.0
    drop: float = 0.0
    summary: BudgetSummary | None = None


class BudgetSearch:
    """A network prepared for searches with different budgets; what was measured serves all of them.

    Args:
        original: the model; it is as before afterwards.
        options: what to do.
        data: samples of the search.
        stages: shows the progress.
        threads: threads inside an operator while networks are judged; 0 = all.
        weights: of the sites of the model.
    """

    def __init__(
        self,
        original: LoadedModel,
        options: RewriteOptions,
        data: SearchData,
        stages: Stages = silent_stages,
        threads: int = 0,
        weights: SiteWeights | None = None,
    ) -> None:
        self._options, self._stages, self._data = options, stages, data
        # Products in 8 bits are off by chance, not in one direction: there is nothing to shift back.
        self._shifted = not options.weighs_8_bits
        self.base = predicted_everywhere(original, options, weights)
        self._network = SegmentSessions(self.base, threads)
        self._runner = NetworkRunner(self._network, data.batches, shifted=self._shifted)
        reference = self._runner.outputs({})
        self._thorough = options.objective == "flops"
        self.judge = self._judge(reference, data.labels)
        journal = Journal(options.resume, self._mark(reference))
        self.evaluator = Evaluator(self._runner, self.judge, journal, "all")
        first = data.first(LOSS_SAMPLES)
        self._alone = self._evaluator_of(first, journal, f"first {first.samples}")
        self._losses: Losses | None = None

    def _mark(self, reference: Array) -> str:
        """What qualities depend on: the samples and how they are cut into batches, the metric, the sites."""
        sizes = [samples_of(feeds) for feeds in self._data.batches]
        labels = [] if self._data.labels is None else [self._data.labels]
        judged = [self._options.metric, self._thorough, self._options.is_judged_by_expectation]
        return fingerprint(["v3", judged, self._runner.sites, sizes], reference, *labels)

    def _evaluator_of(self, data: SearchData, journal: Journal, part: str) -> Evaluator:
        runner = NetworkRunner(self._network, data.batches, shifted=self._shifted)
        return Evaluator(runner, self._judge(runner.outputs({}), data.labels), journal, part)

    def _judge(self, reference: Array, labels: Array | None) -> Judge:
        """A long search finds more luck, so there gains do not count."""
        likely = self._options.is_judged_by_expectation
        return Judge(reference, labels, self._options.metric, gains=not self._thorough, likely=likely)

    @property
    def sites(self) -> list[str]:
        """All sites that can be set, in order."""
        return self._runner.sites

    def layers(self, keeps: Sequence[float] = ()) -> Iterator[SiteLayer]:
        """Every site with samples of its input in the exact network, one at a time in memory.

        Args:
            keeps: kept shares to fit pruned weights for. That takes samples of its own: half of them where
                there are few.
        """
        wanted = min(CALIBRATION_SAMPLES, self._data.samples // 2) if keeps else CALIBRATION_SAMPLES
        data = self._data.first(wanted)
        fitting = Fitting(self._data.without(data).first(FITTING_SAMPLES).batches, keeps) if keeps else None
        segments, threads = self._network.segments, self._network.threads
        self._network.close()
        with self._stages("sampling sites", len(segments)) as progress:
            yield from site_layers(segments, data.batches, threads, progress, fitting)

    def search(self, problem: Problem, scheme: str | None = None) -> Found:
        """Search; a Ctrl-C ends it with the best so far.

        Args:
            problem: from `problem`.
            scheme: how; None = as the options say.
        """
        scheme = scheme or self._options.scheme
        chosen: dict[str, Option] = {}
        stopped = None
        try:
            chosen = self._run(problem, scheme)
        except KeyboardInterrupt:
            stopped, chosen = "stopped by Ctrl-C: the best so far", problem.best
        return self.found(problem, chosen, scheme, stopped)

    def found(
        self, problem: Problem, chosen: dict[str, Option], scheme: str, stopped: str | None = None
    ) -> Found:
        """What a search chose, with all that is told of it."""
        quality = self.evaluator(config_of(chosen))
        shifts, cost = self._shifts(chosen), problem.cost(chosen)
        summary = BudgetSummary(
            scheme,
            self.judge.metric.name,
            problem.budget,
            tuple(problem.path),
            cost,
            quality.drop,
            self.evaluator.runs + self._alone.runs,
            stopped,
        )
        return Found(chosen, shifts, cost, quality.drop, summary)

    def release(self) -> None:
        """Give back what only further searches need: whole networks are to be timed beside it."""
        self.evaluator.release()
        self._alone.release()

    def problem(self, sites: Sequence[SiteOptions], rest: float, whole: float, budget: float) -> Problem:
        """A problem on the samples of the search."""
        return Problem(sites, rest, whole, budget, self.evaluator, self.evaluator.hold)

    def _run(self, problem: Problem, scheme: str) -> dict[str, Option]:
        if scheme in ORDERS:
            total = sum(bool(site.options) for site in problem.sites)
            with self._stages("deciding sites", total) as progress:
                return algorithm_1(problem, scheme, progress)
        losses = self.losses(problem)
        with self._stages("combining sites", None) as progress:
            combine = thorough if self._thorough and scheme == "lagrange" else lagrange
            return combine(problem, losses, progress)

    def losses(self, problem: Problem) -> Losses:
        """What each site loses alone; measured once."""
        if self._losses is None:
            total = sum(len(measured_options(site)) for site in problem.sites)
            with self._stages("trying sites alone", total) as progress:
                self._losses = site_losses(
                    problem.sites, self._alone, lambda site: self._alone.hold({}, site), progress
                )
        self._alone.release()
        return self._losses

    def shifts_of(self, config: Config, converted: Collection[str]) -> dict[str, Shift]:
        """Shifts of the bias where only some sites are converted; the others keep theirs.

        Args:
            config: settings by site.
            converted: sites whose bias can be shifted.
        """
        fixed = set(self._runner.sites) - set(converted)
        batches = self._data.first(SHIFT_SAMPLES).batches
        runner = NetworkRunner(self._network, batches, fixed=fixed)
        runner.outputs(config)
        return runner.shifts

    def _shifts(self, chosen: dict[str, Option]) -> dict[str, Shift]:
        """Shifts of the bias for a configuration; it is run once more on a few samples where need be."""
        if not chosen:
            return {}
        self._runner.outputs_of_first(config_of(chosen))
        return dict(self._runner.shifts)


def predicted_everywhere(
    original: LoadedModel, options: RewriteOptions, weights: SiteWeights | None = None
) -> onnx.ModelProto:
    """The model with every site of the wanted rules predicted, as far as it can be.

    Sites in bodies of If and Loop cannot be set and stay as they are.
    """
    base = RewriteOptions(
        rules=trial_options(options).rules,
        skip_rules=options.skip_rules,
        skip_layers=options.skip_layers,
        predictor="int8",
    )
    weights = weights or SiteWeights()
    made = apply(original.model, plan_sites(original.model, base, weights), weights)
    reached = {site.name for site in converted_sites(made.model)}
    inside = [site for site in made.plan.sites if site.choice == Choice.PREDICT and site.site not in reached]
    if not inside:
        return made.model
    for site in inside:
        site.become(Choice.DENSE)
    return apply(original.model, made.plan, weights).model
