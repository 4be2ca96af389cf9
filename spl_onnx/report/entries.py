"""What reports hold: one frozen dataclass per part, in the order of the JSON.

None is written as null, and means that something was not measured; fields that are `optional` are left out
instead. What is read again has defaults, because older reports hold less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spl_onnx.measure.profile import NodeTime
from spl_onnx.report.plain import optional


@dataclass(frozen=True)
class ModelSummary:
    """A model in a few numbers.

    Attributes:
        opset: version of the standard operators.
        ir_version: version of the file format.
        inputs: name, type and shape of each input that is fed, as text.
        outputs: the same of each output.
        nodes: number of nodes, those in bodies of If and Loop included.
        operators: number of nodes per operator; other domains are written before the name.
        weight_bytes: bytes of all initializers.
    """

    opset: int | None = None
    ir_version: int | None = None
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    nodes: int | None = None
    operators: Mapping[str, int] = field(default_factory=dict)
    weight_bytes: int | None = None

    @property
    def signature(self) -> str:
        """Inputs, outputs and opset in one line."""
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}; opset {self.opset}"


@dataclass(frozen=True)
class Models:
    """The model before and after."""

    before: ModelSummary = field(default_factory=ModelSummary)
    after: ModelSummary = field(default_factory=ModelSummary)


@dataclass(frozen=True)
class SiteEntry:
    """A site.

    Attributes:
        name: of its output tensor.
        rule: that found it.
        choice: what became of it.
        settings: those that are set.
        reason: why.
        layer: the node that holds the weights.
        macs_per_output: multiply-accumulates of one output value, before pooling.
        density: share of the outputs that are computed.
        zeros: share of the inputs that are zero.
        loss: of the metric at this setting.
        dense_ms: time of the original's nodes.
        now_ms: time of the nodes in their place.
        flops: operations of the layer computed in full, for one sample.
        work_share: their share of the model's.
    """

    name: str = ""
    rule: str = ""
    choice: str = "dense"
    settings: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    layer: str = ""
    macs_per_output: int = 0
    density: float | None = None
    zeros: float | None = None
    loss: float | None = None
    dense_ms: float | None = None
    now_ms: float | None = None
    flops: float | None = None
    work_share: float | None = None


@dataclass(frozen=True)
class PriceEntry:
    """Operations of the predictor at a price, and the share of the work that is saved then."""

    predictor: float | None = None
    reduction: float | None = None


@dataclass(frozen=True)
class FlopsEntry:
    """Operations of one sample.

    Attributes:
        dense: of the original.
        selected: of what is still computed.
        predictor: of the predictor, int8 at a quarter.
        reduction: the share that is saved then.
        predictor_full_price: both with int8 in full.
        predictor_free: both without the predictor.
        zero_inputs: of the selected, those with an input that is zero.
        in_8_bits: of the selected, those of layers that multiply in 8 bits; None where there is none.
    """

    dense: float = 0.0
    selected: float | None = None
    predictor: float | None = None
    reduction: float | None = None
    predictor_full_price: PriceEntry = field(default_factory=PriceEntry)
    predictor_free: PriceEntry = field(default_factory=PriceEntry)
    zero_inputs: float | None = None
    in_8_bits: float | None = optional()


@dataclass(frozen=True)
class AccuracyEntry:
    """What a model loses against another one.

    Attributes:
        metric: its name.
        before: of the original.
        after: of the other model.
        drop: mean loss, counted.
        expected_drop: of right decisions, that the scores lead to expect.
        interval: two-sided 95 % interval of the drop.
        confidence_upper: the drop is below it with 95 % confidence.
        max_drop: the limit.
        proves_max_drop: whether the samples show that the drop is within it.
        images_needed: samples that would show it.
        images: samples.
        agreement: share of the samples on which both say the same.
        top5_before: share of the samples whose class is among five of the original.
        top5_after: the same of the other model.
        largest_difference: of an output value.
    """

    metric: str = ""
    before: float | None = None
    after: float | None = None
    drop: float | None = None
    interval: Sequence[float | None] = ()
    confidence_upper: float | None = None
    max_drop: float | None = None
    proves_max_drop: bool | None = None
    images_needed: int | None = None
    images: int | None = None
    agreement: float | None = optional()
    top5_before: float | None = optional()
    top5_after: float | None = optional()
    largest_difference: float | None = optional()
    expected_drop: float | None = optional()


@dataclass(frozen=True)
class StepEntry:
    """A configuration that a search looked at.

    Attributes:
        step: its number.
        label: what was changed.
        cost: as a share of the original's.
        loss: a smooth measure of what is lost.
        drop: of the metric.
        kept: whether the search went on from it.
    """

    step: int | None = None
    label: str | None = None
    cost: float | None = None
    loss: float | None = None
    drop: float | None = None
    kept: bool = True


@dataclass(frozen=True)
class SearchEntry:
    """How the choices were found, and the times of the whole network.

    Attributes:
        scheme: order of the search that spent the accuracy; None where none did.
        metric: that it looked at.
        budget: the largest drop that it allowed.
        path: its steps.
        search_drop: drop on the samples of the search.
        stopped: why it ended early.
        images: samples of the search and of the report, or those of both.
        objective: "time" or "flops".
        cost_unit: what the cost of a step is a share of.
        seconds: that it took.
        note: why the original stays.
        timed_images: samples that times were measured on.
        time_batch: samples per run.
        threads: inside an operator; 0 = all.
        tried: changes that were timed.
        kept: how many of them were kept.
        speedup: the original's time by that of the choice.
        noise: what `speedup` may be off by chance.
        faster: whether the choice is quicker beyond the noise; None where times were not the objective.
        original_ms: median time of the original.
        chosen_ms: median time of the choice.
    """

    scheme: str | None = None
    metric: str | None = None
    budget: float | None = None
    path: Sequence[StepEntry] = ()
    search_drop: float | None = None
    stopped: str | None = None
    images: Mapping[str, int] | int | None = None
    objective: str | None = None
    cost_unit: str | None = None
    seconds: float | None = None
    note: str | None = None
    timed_images: int | None = None
    time_batch: int = 1
    threads: int | None = None
    tried: int | None = None
    kept: int | None = None
    speedup: float | None = None
    noise: float | None = None
    faster: bool | None = None
    original_ms: float | None = None
    chosen_ms: float | None = None


@dataclass(frozen=True)
class RewriteEntry:
    """The report of a rewrite, without what only the search, the checks and the caller know.

    Attributes:
        rewritten: number of converted sites.
        rules: the same by rule.
        sites: all of them, in the order of the network.
        flops: operations; None where shapes are not all known.
        accuracy: None without data.
        model: both models.
        versions: of packages.
        machine: that it ran on.
    """

    rewritten: int | None = None
    rules: Mapping[str, int] = field(default_factory=dict)
    sites: Sequence[SiteEntry] = ()
    flops: FlopsEntry | None = None
    accuracy: AccuracyEntry | None = None
    model: Models = field(default_factory=Models)
    versions: Mapping[str, str | None] = field(default_factory=dict)
    machine: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class TimedModel:
    """Times of one model.

    Attributes:
        model: its file.
        median_ms: of the runs.
        p10_ms: a tenth of the runs was quicker.
        p90_ms: a tenth was slower.
        times_ms: of each run.
        operators_ms: per operator, from the profiler.
        nodes: per node, the slowest first.
    """

    model: str
    median_ms: float
    p10_ms: float
    p90_ms: float
    times_ms: Sequence[float]
    operators_ms: Mapping[str, float]
    nodes: Sequence[NodeTime]


@dataclass(frozen=True)
class BenchEntry:
    """The report of timing one model, or two in turn.

    Attributes:
        speedup: the first one's time by that of the second; None where there is one.
        models: their times.
        cpu: the processor.
        provider: what ONNX Runtime ran on.
        threads: inside an operator; 0 = all.
        input: where the inputs come from.
        input_shapes: of the first run.
        versions: of packages.
    """

    speedup: float | None
    models: Sequence[TimedModel]
    cpu: str
    provider: str
    threads: int
    input: str
    input_shapes: Mapping[str, Sequence[int]]
    versions: Mapping[str, str | None]
