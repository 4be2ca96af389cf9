"""What is known of a rewritten model: its accuracy, the densities of its sites, its operations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import onnx

from spl_onnx.data import input_specs, open_data
from spl_onnx.data.inputs import InputSpec, pin_shapes
from spl_onnx.data.reader import Reader
from spl_onnx.data.sources import DataOptions
from spl_onnx.errors import ModelError
from spl_onnx.measure.compare import Comparison, compare
from spl_onnx.measure.flops import ModelWork, Reduction, model_work, reduction
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.shapes import Shape, single_sample_shapes
from spl_onnx.measure.statistics import CountingModel
from spl_onnx.options import RewriteOptions
from spl_onnx.progress import Progress, silent
from spl_onnx.rewrite.sites.plan import Plan


@dataclass(frozen=True)
class Measured:
    """What is known of a rewritten model.

    Attributes:
        comparison: its accuracy against the original; None without data.
        counting: the model that counted densities; None without data.
        work: its operations; None where no shape could be inferred.
    """

    comparison: Comparison | None
    counting: CountingModel | None
    work: ModelWork | None

    @property
    def reduction(self) -> Reduction | None:
        """Its work with the measured densities, for reports; None where the shapes are not all known."""
        if self.work is None or not self.work.complete:
            return None
        return reduction(self.work, self.counting.counts if self.counting else {})


def measure(
    original: onnx.ModelProto,
    rewritten: onnx.ModelProto,
    options: RewriteOptions,
    reading: DataOptions,
    progress: Progress = silent,
) -> Measured:
    """Accuracy, densities and work of a rewritten model.

    Raises:
        DataError: the data does not fit the model.
        PluginError: there is data and the operator library cannot be used.
    """
    specs = pin_shapes(input_specs(original), options.input_shape)
    if options.data is None:
        return Measured(None, None, work_of(rewritten, single_sample_shapes(specs, options.input_shape)))
    reader = open_data(options.data, specs, reading)
    return measure_on(original, rewritten, options, specs, reader, progress)


def measure_on(
    original: onnx.ModelProto,
    rewritten: onnx.ModelProto,
    options: RewriteOptions,
    specs: list[InputSpec],
    reader: Reader,
    progress: Progress = silent,
) -> Measured:
    """Accuracy, densities and work on the samples of a reader."""
    reader.rewind()
    counting = CountingModel(rewritten)
    comparison = compare(partial(run, create_session(original)), counting, reader, options.metric, progress)
    shapes = single_sample_shapes(specs, options.input_shape, counting.seen)
    return Measured(comparison, counting, work_of(rewritten, shapes))


def work_of(model: onnx.ModelProto, inputs: dict[str, Shape | None]) -> ModelWork | None:
    """Operations of a model, None where shape inference fails."""
    try:
        return model_work(model, inputs)
    except (onnx.shape_inference.InferenceError, ModelError, RuntimeError, ValueError):
        return None


def note_densities(plan: Plan, measured: Measured) -> None:
    """Write measured densities and zeros into the plan."""
    if measured.counting is None:
        return
    for site in plan.sites:
        counts = measured.counting.counts.get(site.site)
        if counts is not None and site.is_rewritten:
            site.density, site.zeros = counts.density, counts.zero_share
