"""The original on made-up input: what a rewritten model is compared with. It is run once for all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType

import onnx

from spl_onnx.arrays import Array
from spl_onnx.errors import VerificationError
from spl_onnx.files.scratch import ScratchFolder
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.graph.tensors import all_graphs, total_bytes
from spl_onnx.rewrite.model.model_io import MAX_INLINE_BYTES, LoadedModel
from spl_onnx.rewrite.model.trial import Trial, trial_inputs
from spl_onnx.rewrite.process.child import Feeds, Job
from spl_onnx.rewrite.process.runner import RunError, Runner
from spl_onnx.rewrite.sites.plan import Key
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.checker import problem_of
from spl_onnx.rewrite.verification.noise import noisy_feeds, noisy_model
from spl_onnx.rewrite.verification.side_by_side import Finding
from spl_onnx.rewrite.verification.tolerance import Bound, bound

#: Runs with noise: a single output may by chance move little in one of them.
NOISY_RUNS = 4
#: Large models run with noise no longer than this, but twice.
_NOISY_SECONDS = 2.0
#: Seconds that a rewritten model may take at least, and how many times those of the original.
_LEAST_LIMIT_S, _TIMES_SLOWER = 120.0, 100.0
#: The size of their output is a matter of values: a layer that is predicted may change it.
_DATA_DEPENDENT = frozenset(("Compress", "Loop", "NonMaxSuppression", "NonZero", "Unique"))


class Original:
    """A model on the first made-up input it accepts. A context manager: files and child process end with it.

    Attributes:
        loaded: The model.
        options: What the user asked for.
        weights: Of its sites, for all rewrites that are checked.
        feeds: The input.
        expected: Its outputs.
        bounds: What rounding does to each of them.
        source: The model as the runner takes it.
        findings: Of sites that were compared one by one, by site and rule; None where that is impossible.
        sites_skipped: Why no site was compared so, if there is a reason.
        exact_differences: Of the outputs with some sites rewritten exactly, by these sites; None without the
            library.

    Raises:
        VerificationError: It runs on no made-up input.
        UsageError: An input cannot be made up.
    """

    def __init__(
        self, loaded: LoadedModel, options: RewriteOptions, weights: SiteWeights | None = None
    ) -> None:
        self.loaded, self.options, self.weights = loaded, options, weights or SiteWeights()
        self.findings: dict[Key, Finding | None] = {}
        self.sites_skipped = ""
        self.exact_differences: dict[frozenset[Key], float | None] = {}
        self._runner = Runner()
        self._folder = ScratchFolder()
        try:
            self.source = Trial(self._folder.path).source(loaded.model, loaded.path)
            self.feeds, self.expected = self._first_run()
            self.bounds = self._bounds()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Original:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child process and remove the files."""
        self._runner.close()
        self._folder.cleanup()

    @staticmethod
    @contextmanager
    def as_source(model: onnx.ModelProto) -> Iterator[bytes | str]:
        """Another model as the runner takes it; its file is removed afterwards."""
        with ScratchFolder() as folder:
            yield Trial(folder).source(model)

    def run(self, source: bytes | str, *, plugin: bool = False) -> list[Array]:
        """Outputs of a model for the same input.

        Raises:
            RunError: It does not run, or ends the process.
            PluginError: The library is wanted and cannot be used.
        """
        return self._runner.run(Job(source, self.feeds, plugin=plugin))[0]

    def run_noisy(self, source: bytes | str, outputs: tuple[str, ...], *, plugin: bool) -> list[list[Array]]:
        """Some outputs of a model that has noise of its own, of several runs; errors as `run`."""
        job = Job(source, self.feeds, True, plugin, outputs, NOISY_RUNS, _NOISY_SECONDS)
        return list(self._runner.run(job))

    @cached_property
    def problem(self) -> str:
        """What the checker or shape inference dislikes in the original; empty where nothing."""
        return problem_of(self.loaded.model, self.source)

    def shape_is_fixed(self, index: int) -> bool:
        """Whether the shape of an output does not depend on values, as that of found boxes does."""
        bound = self.bounds[index]
        return bound.same_shape and bound.name not in self._data_dependent

    def _first_run(self) -> tuple[Feeds, list[Array]]:
        problem = "it has no inputs"
        for feeds in trial_inputs(self.loaded.model, self.options.input_shape, self.options.seed):
            begin = time.monotonic()
            try:
                outputs = self._runner.run(Job(self.source, feeds))[0]
            except RunError as error:  # a wrong size is one of many causes
                problem = str(error)
                continue
            seconds = time.monotonic() - begin
            self._runner.limit_s = max(_LEAST_LIMIT_S, _TIMES_SLOWER * seconds)
            return feeds, outputs
        raise VerificationError(
            f"the original model does not run on a made-up input ({problem}); "
            "name a shape it accepts with --input-shape, or use --no-verify"
        )

    def _bounds(self) -> list[Bound]:
        """From runs that differ by rounding: without optimisations, and with noise."""
        self._data_dependent = data_dependent_outputs(self.loaded.model)
        runs = [*self._tried(Job(self.source, self.feeds, optimised=False)), *self._noisy_runs()]
        names = [value.name for value in self.loaded.model.graph.output]
        return [
            bound(name, expected, [run[index] for run in runs])
            for index, (name, expected) in enumerate(zip(names, self.expected, strict=True))
        ]

    def _noisy_runs(self) -> list[list[Array]]:
        """Runs with noise in every layer; in the inputs alone where the model is too large to be copied."""
        feeds = noisy_feeds(self.feeds, self.options.seed)
        if 2 * total_bytes(self.loaded.model) <= MAX_INLINE_BYTES:
            with self.as_source(noisy_model(self.loaded.model)) as source:
                runs = self._tried(Job(source, feeds, repeat=NOISY_RUNS, seconds=_NOISY_SECONDS))
            if runs:
                return runs
        seeds = range(self.options.seed, self.options.seed + NOISY_RUNS)
        moved = [noisy_feeds(self.feeds, seed) for seed in seeds]
        return [run for feeds in moved for run in self._tried(Job(self.source, feeds))]

    def _tried(self, job: Job) -> list[list[Array]]:
        """The runs of a job; none where it fails, which is no fault of a rewritten model."""
        try:
            return list(self._runner.run(job))
        except RunError:
            return []


def data_dependent_outputs(model: onnx.ModelProto) -> set[str]:
    """Outputs behind nodes whose output shapes depend on values."""
    dependent: set[str] = set()
    for node in model.graph.node:
        inner = (n for a in node.attribute if a.HasField("g") for g in all_graphs(a.g) for n in g.node)
        decides = {node.op_type, *(n.op_type for n in inner)} & _DATA_DEPENDENT
        if decides or dependent.intersection(node.input):
            dependent.update(node.output)
    return dependent & {value.name for value in model.graph.output}
