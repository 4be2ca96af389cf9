"""Time of one model, or of two against each other in turn, so that both see the same state of the machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from spl_onnx.data.inputs import InputSpec, shape_text
from spl_onnx.data.reader import Feeds, Reader
from spl_onnx.errors import DataError, ModelError, UsageError
from spl_onnx.measure.sessions import run
from spl_onnx.measure.shapes import Shape, single_sample_shapes
from spl_onnx.options import check_runs, check_seed
from spl_onnx.progress import Progress, silent
from spl_onnx.rewrite.model.trial import FREE_SIZES
from spl_onnx.spec.messages import MOST_VALUES, value_count

#: Batches of data that are kept for timing; the runs go through them in turn.
KEPT_BATCHES = 8


@dataclass(frozen=True)
class Timing:
    """Times of one model.

    Attributes:
        milliseconds: [runs], in the order they were measured.
    """

    milliseconds: NDArray[np.float64]

    @property
    def median(self) -> float:
        """Median in ms."""
        return float(np.median(self.milliseconds))

    @property
    def spread(self) -> tuple[float, float]:
        """10th and 90th percentile in ms."""
        low, high = np.percentile(self.milliseconds, [10, 90])
        return float(low), float(high)


def speedup(first: Timing, second: Timing) -> float:
    """Median of the ratios of neighbouring runs; above 1 when the second model is faster."""
    return float(np.median(first.milliseconds / second.milliseconds))


def time_interleaved(
    sessions: Sequence[ort.InferenceSession],
    batches: Sequence[Feeds],
    runs: int,
    warmup: int,
    progress: Progress = silent,
) -> list[Timing]:
    """Time models in turn: A B A B ...

    Args:
        sessions: one or two sessions.
        batches: inputs; both models get the same one in a turn.
        runs: timed turns.
        warmup: turns before that are not timed.
        progress: told 1 after every turn.

    Raises:
        UsageError: there is nothing to time.
    """
    check_runs(runs, warmup)
    times = np.zeros((len(sessions), runs))
    for turn in range(-warmup, runs):
        feeds = batches[turn % len(batches)]
        for i, session in enumerate(sessions):
            start = time.perf_counter()
            run(session, feeds)
            if turn >= 0:
                times[i, turn] = (time.perf_counter() - start) * 1e3
        progress(1)
    return [Timing(row) for row in times]


def data_batches(reader: Reader) -> list[Feeds]:
    """The first batches of the data.

    Raises:
        DataError: there is none.
    """
    kept: list[Feeds] = []
    while len(kept) < KEPT_BATCHES and (feeds := reader.get_next()) is not None:
        kept.append(feeds)
    if not kept:
        raise DataError("the data is empty: wanted at least one batch")
    return kept


def accepted_batch(
    session: ort.InferenceSession, specs: list[InputSpec], given: dict[str, Shape], seed: int = 0
) -> Feeds:
    """A random input that a model takes, with the first of the sizes that verification tries too where free.

    Args:
        session: of the model.
        specs: its inputs.
        given: shapes by name.
        seed: of the generator.

    Raises:
        UsageError: no input can be made up.
        ModelError: the model fails on all of them.
    """
    tried: list[dict[str, Shape]] = []
    for size in FREE_SIZES:
        feeds = random_batch(specs, given, seed, size)
        shapes = {name: array.shape for name, array in feeds.items()}
        if shapes in tried:
            break
        tried.append(shapes)
        try:
            run(session, feeds)
        except ModelError as error:
            problem = error
        else:
            return feeds
    raise ModelError(f"{problem}; tried {tried}: name a shape it takes with --input-shape, or give --data")


def random_batch(
    specs: list[InputSpec], given: dict[str, Shape], seed: int = 0, free: int | None = None
) -> Feeds:
    """Normal random numbers as input (zeros for integers and truth values); it measures time, not accuracy.

    Args:
        specs: the model's inputs.
        given: shapes by name, for free dimensions other than the first (which becomes 1).
        seed: of the generator.
        free: size of free dimensions that are not given; None refuses them.

    Raises:
        UsageError: a dimension stays free.
    """
    check_seed(seed)
    generator = np.random.default_rng(seed)
    feeds: Feeds = {}
    filled = specs if free is None else [_filled(spec, free) for spec in specs]
    for spec, (name, shape) in zip(filled, single_sample_shapes(filled, given).items(), strict=True):
        if spec.dtype is None or spec.dtype.hasobject:
            raise UsageError(f"input {name!r} is {spec.words()}: no random values of it can be made up")
        if shape is None:
            raise UsageError(
                f"input {name!r} has a free shape {shape_text(spec.shape)}: "
                f"give --input-shape {name}:1,... or --data"
            )
        if value_count(shape) > MOST_VALUES:
            raise UsageError(
                f"input {name!r} has {shape_text(shape)}, too many values to make up: "
                f"give a smaller --input-shape {name}:1,... or --data"
            )
        if np.issubdtype(spec.dtype, np.floating):
            feeds[name] = generator.standard_normal(shape).astype(spec.dtype)
        else:
            feeds[name] = np.zeros(shape, spec.dtype)
    return feeds


def _filled(spec: InputSpec, free: int) -> InputSpec:
    """The input with a size in place of free dimensions other than the first."""
    if not spec.shape:
        return spec
    return replace(spec, shape=(spec.shape[0], *(free if size is None else size for size in spec.shape[1:])))
