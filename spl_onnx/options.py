"""The options of a rewrite: one dataclass, so that arguments and command line flags cannot drift apart."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from spl_onnx.errors import UsageError
from spl_onnx.option_types import check_shapes, check_types

PREDICTORS = ("auto", "int8", "pruned")
PROVIDERS = ("cpu", "cuda")
OBJECTIVES = ("time", "flops", "none")
PRECISIONS = ("auto", "float32", "int8")
WEIGHTS = ("float32", "int8")
SCHEMES = ("lagrange", "price", "los", "rlos", "fdos", "saos")


class Choice(str, Enum):
    """What becomes of a site; equal to its name, and written so."""

    PREDICT = "predict"
    LOSSLESS = "lossless"
    TRUNCATE = "truncate"
    INT8 = "int8"
    DENSE = "dense"

    __str__ = str.__str__
    __hash__ = str.__hash__


#: What times are compared for; lossless sites are truncated where a search spends accuracy.
TIMED_CHOICES = (Choice.DENSE, Choice.LOSSLESS, Choice.PREDICT, Choice.INT8)
DEFAULT_KEEP = 0.25
#: Samples that are needed to choose settings on: below, a drop of 3 % is less than one decision.
LEAST_SAMPLES = 32
#: Threads and runs above these are mistakes, and would take memory before anything else.
_MOST_THREADS, _MOST_RUNS = 4096, 10_000_000


@dataclass(frozen=True)
class RewriteOptions:
    """What `spl-onnx rewrite` does. A field `max_drop` is the flag `--max-drop`.

    Attributes:
        rules: "default", "all", or rule names (a comma-separated string or a sequence). Where times decide,
            and with precision "int8", "default" means all.
        skip_rules: Rule names that are left out, in the same forms.
        skip_layers: Layers that are left as they are, in the same forms: the name of the node that holds the
            weights, or of its output where the node has none.
        predictor: "int8", "pruned", or "auto" (int8 without data; the search chooses with data).
        keep: Fraction of the weights of a filter that the pruned predictor keeps, above 0 up to 1.
        lossless: Sites become SRMM without a selection: exact, faster only through zeros in the input.
        precision: "float32"; "int8": every site multiplies in 8 bits; "auto": where `max_drop` leaves room
            the search chooses for each site by measured time, else float32.
        weights: How the weights of sites in 8 bits are stored: "float32", or "int8" with a scale for each
            output, in a quarter of the bytes.
        plan: Path of a plan (JSON) whose choices are applied again.
        plan_out: Path where the plan is written.
        dry_run: Decide and report, but rewrite nothing.
        no_verify: Leave out the checks of the result.
        input_shape: Shapes for inputs with free dimensions, by name; used by the verification run.
        seed: Seed of the verification input.
        external_data: True / False forces weights out of / into the model file; None = as the input, and out
            above the threshold.
        external_data_threshold: Size in bytes of all weights above which they go to a separate file.
        data: Calibration data: a path, or an object with get_next().
        max_drop: Largest loss of the metric that the search may cause.
        metric: Metric of the network ("auto" = top1 with labels, agreement without).
        objective: "time": with data and without a plan, every site gets the choice that is fastest when
            measured; "flops": the choice with the fewest operations, as in the paper; "none": the rules
            and `lossless` say what is converted, with data too.
        choices: Choices the measured times are compared for (a comma-separated string or a sequence); dense
            is always one of them.
        provider: Where times are measured: "cpu" or "cuda".
        threads: Threads inside an operator while times are measured; 0 = ONNX Runtime's own choice.
        time_images: Samples of the data that times are measured on; four batches where that is more.
        time_batch: Samples per run while times are measured; None = the model's fixed batch, else 1.
        search_seconds: How long changes of the choice are tried on the whole network, in seconds.
        scheme: How the accuracy is spent: "lagrange"; "price", the same without a last visit of every site
            where operations are counted; or Algorithm 1 in one of its orders.
        search_images: Samples of the data that settings are chosen on; the others measure what was lost.
        resume: Path of a journal; a search that was stopped goes on from it.
        json: Path of the JSON report.
        html: Path of the HTML report.
    """

    rules: str | tuple[str, ...] = "default"
    skip_rules: str | tuple[str, ...] = ()
    skip_layers: str | tuple[str, ...] = ()
    predictor: str = "auto"
    keep: float | None = None
    lossless: bool = False
    precision: str = "auto"
    weights: str = "float32"
    plan: str | None = None
    plan_out: str | None = None
    dry_run: bool = False
    no_verify: bool = False
    input_shape: dict[str, tuple[int, ...]] = field(default_factory=dict)
    seed: int = 0
    external_data: bool | None = None
    external_data_threshold: int = 1 << 30
    data: Any = None
    max_drop: float = 0.01
    metric: str = "auto"
    objective: str = "time"
    choices: str | tuple[str, ...] = TIMED_CHOICES
    provider: str = "cpu"
    threads: int = 1
    time_images: int = 32
    time_batch: int | None = None
    search_seconds: float = 120.0
    scheme: str = "lagrange"
    search_images: int = 256
    resume: str | None = None
    json: str | None = None
    html: str | None = None

    def __post_init__(self) -> None:
        """Reject values no part of the program could use.

        Raises:
            UsageError: A value is unknown or out of range, or two options contradict each other.
        """
        check_types(self)
        check_shapes(self.input_shape)
        _one_of("predictor", self.predictor, PREDICTORS)
        _one_of("objective", self.objective, OBJECTIVES)
        _one_of("provider", self.provider, PROVIDERS)
        _one_of("scheme", self.scheme, SCHEMES)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("weights", self.weights, WEIGHTS)
        if self.keep is not None and not 0.0 < self.keep <= 1.0:
            raise UsageError(
                f"--keep: got {self.keep}, wanted a fraction above 0 and up to 1, for example 0.25"
            )
        if self.keep is not None and self.predictor == "int8":
            raise UsageError(
                "--keep belongs to the pruned predictor, got --predictor int8: leave one of them out"
            )
        if self.lossless and (self.keep is not None or self.predictor != "auto"):
            raise UsageError("--lossless predicts nothing: leave out --predictor and --keep")
        if not 0.0 <= self.max_drop <= 1.0:
            raise UsageError(
                f"--max-drop: got {self.max_drop}, wanted a fraction from 0 to 1, for example 0.01"
            )
        if self.external_data_threshold < 0:
            raise UsageError(
                f"--external-data-threshold: got {self.external_data_threshold}, wanted bytes >= 0"
            )
        if self.weights == "int8" and not self._may_have_8_bits:
            raise UsageError(
                "--weights int8: no site would multiply in 8 bits; wanted --precision int8, or --data and a "
                "--max-drop that allow it, or a --plan with such sites"
            )
        if self.precision == "int8":
            self._check_int8()
        self._check_timing()

    @property
    def _may_have_8_bits(self) -> bool:
        return self.plan is not None or self.is_in_8_bits or self.weighs_8_bits

    def _check_int8(self) -> None:
        """Products in 8 bits everywhere leave nothing to choose."""
        others = {
            "--lossless": self.lossless,
            "--predictor": self.predictor != "auto",
            "--keep": self.keep is not None,
            "--objective flops": self.objective == "flops",
            "--provider cuda": self.provider == "cuda",
        }
        if given := [flag for flag, is_given in others.items() if is_given]:
            raise UsageError(
                "--precision int8 makes every site multiply in 8 bits, on the CPU: "
                f"leave out {', '.join(given)}"
            )

    def _check_timing(self) -> None:
        for choice in name_list(self.choices):
            if choice == Choice.TRUNCATE:
                raise UsageError(
                    "--choices: got 'truncate', wanted lossless: a search with --max-drop above 0 truncates "
                    "the outputs of lossless sites where that pays"
                )
            _one_of("choices", choice, TIMED_CHOICES)
        check_threads(self.threads)
        check_seed(self.seed)
        if self.search_images < LEAST_SAMPLES:
            raise UsageError(f"--search-images: got {self.search_images}, wanted at least {LEAST_SAMPLES}")
        if self.time_images < 2:
            raise UsageError(f"--time-images: got {self.time_images}, wanted at least 2")
        if self.time_batch is not None and self.time_batch < 1:
            raise UsageError(f"--time-batch: got {self.time_batch}, wanted at least 1")
        if not self.search_seconds >= 0.0:
            raise UsageError(f"--search-seconds: got {self.search_seconds}, wanted seconds >= 0")

    @property
    def chooses_by_time(self) -> bool:
        """Whether measured times decide what becomes of each site."""
        decided = self.plan is not None or self.is_in_8_bits
        return self.data is not None and self.objective == "time" and not decided

    @property
    def spends_accuracy(self) -> bool:
        """Whether a search may give away accuracy, up to `max_drop`."""
        searches = self.objective == "flops" or (self.objective == "time" and bool(self.max_drop))
        decided = self.plan is not None or self.lossless or self.is_in_8_bits
        return searches and self.data is not None and not decided

    @property
    def is_in_8_bits(self) -> bool:
        """Whether every site multiplies in 8 bits, whatever that loses."""
        return self.precision == "int8" and self.plan is None

    @property
    def weighs_8_bits(self) -> bool:
        """Whether a search may let sites multiply in 8 bits, instead of truncating and predicting.

        It does where nobody asked for something else: a predictor, operations instead of time, or CUDA.
        """
        is_free = self.precision == "auto" and self.predictor == "auto" and self.keep is None
        runs = self.objective == "time" and self.provider == "cpu"
        return self.spends_accuracy and is_free and runs and Choice.INT8 in name_list(self.choices)

    @property
    def is_judged_by_expectation(self) -> bool:
        """Whether `max_drop` limits the drop that scores lead to expect, and a count where it is clear.

        So it is with 8 bits: their errors are chance, and nobody chose them by the counts they lead to.
        """
        return self.is_in_8_bits or self.weighs_8_bits

    @property
    def converting_choices(self) -> tuple[Choice, ...]:
        """Choices other than dense that times are compared for: lossless, and predict or int8."""
        inexact = Choice.INT8 if self.weighs_8_bits else Choice.PREDICT
        possible = (Choice.LOSSLESS,) if self.lossless else (Choice.LOSSLESS, inexact)
        wanted = name_list(self.choices)
        return tuple(choice for choice in possible if choice in wanted)

    @property
    def effective_predictor(self) -> str:
        """The predictor used where no data decides: `--keep` alone asks for the pruned one, else int8."""
        if self.predictor != "auto":
            return self.predictor
        return "int8" if self.keep is None else "pruned"

    @property
    def effective_keep(self) -> float:
        """The kept fraction of the pruned predictor."""
        return DEFAULT_KEEP if self.keep is None else self.keep

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all options, in declaration order."""
        return tuple(f.name for f in fields(cls))

    @classmethod
    def from_kwargs(cls, **kwargs: Any) -> RewriteOptions:
        """Build options from keywords.

        Raises:
            UsageError: A keyword is no option.
        """
        unknown = sorted(set(kwargs) - set(cls.names()))
        if unknown:
            raise UsageError(f"unknown option {', '.join(unknown)}; known are {', '.join(cls.names())}")
        return cls(**kwargs)


def check_threads(threads: int) -> None:
    """Refuse a number of threads that no machine has.

    Raises:
        UsageError: It is below 0, which stands for all, or too large.
    """
    if not 0 <= threads <= _MOST_THREADS:
        raise UsageError(f"--threads: got {threads}, wanted 0 (all) or more, up to {_MOST_THREADS}")


def check_seed(seed: int) -> None:
    """Refuse a seed that generators do not take.

    Raises:
        UsageError: It is below 0.
    """
    if seed < 0:
        raise UsageError(f"--seed: got {seed}, wanted a whole number of at least 0")


def check_runs(runs: int, warmup: int) -> None:
    """Refuse numbers of timed runs and of those before them.

    Raises:
        UsageError: There is nothing to time, or no end of it.
    """
    if not (1 <= runs <= _MOST_RUNS and 0 <= warmup <= _MOST_RUNS):
        raise UsageError(
            f"--runs and --warmup: got {runs} and {warmup}, wanted at least 1 and 0, up to {_MOST_RUNS}"
        )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise UsageError unless `value` is one of `known`."""
    if value not in known:
        raise UsageError(f"--{name.replace('_', '-')}: got {value!r}, wanted one of {', '.join(known)}")


def name_list(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Split a comma-separated string; a sequence is taken as it is. Empty names are dropped."""
    names = value.split(",") if isinstance(value, str) else value
    return tuple(name.strip() for name in names if name.strip())
