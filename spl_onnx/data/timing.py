"""Samples that times are measured on, in batches of the size that the model should be fast with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from spl_onnx.data import DataOptions, input_specs, open_data
from spl_onnx.data.inputs import InputSpec, pin_shapes
from spl_onnx.data.peek import batches_of, peek
from spl_onnx.data.reader import Feeds, samples_of
from spl_onnx.errors import UsageError
from spl_onnx.options import RewriteOptions

#: Batches of more than one sample that times are measured on at least.
_LEAST_BATCHES = 4


def fixed_batch(specs: Sequence[InputSpec]) -> int | None:
    """The batch that the model asks for; None where it is free."""
    return next((spec.batch for spec in specs if spec.batch is not None), None)


def timed_batches(
    batches: Sequence[Feeds], options: RewriteOptions, specs: Sequence[InputSpec]
) -> list[Feeds]:
    """Batches for timing, of data that is in memory.

    Raises:
        UsageError: the options and the model say different batches.
        DataError: there is no whole batch.
    """
    size = _time_batch(options, specs)
    wanted = _samples(options, size)
    kept, count = [], 0
    for feeds in batches:
        if count >= wanted:
            break
        kept.append(feeds)
        count += samples_of(feeds)
    return kept if fixed_batch(specs) not in (None, 1) else batches_of(kept, wanted, size)


def timing_data(
    model: onnx.ModelProto, options: RewriteOptions, reading: DataOptions
) -> tuple[list[Feeds], RewriteOptions]:
    """Batches for timing, and options whose data can still be read from its start.

    Raises:
        UsageError: the options and the model say different batches.
        DataError: the data does not fit the model, or there is no whole batch.
    """
    specs = pin_shapes(input_specs(model), options.input_shape)
    size = _time_batch(options, specs)
    wanted = _samples(options, size)
    wanted = min(wanted, reading.limit or wanted)
    if not isinstance(options.data, str | Path):
        batches, reader = peek(open_data(options.data, specs, reading), wanted)
        return timed_batches(batches, options, specs), replace(options, data=reader)
    limited = replace(reading, batch=size, limit=max(wanted // size, 1) * size)
    batches = peek(open_data(options.data, specs, limited), wanted)[0]
    return batches_of(batches, wanted, size) if options.time_batch else batches, options


def _time_batch(options: RewriteOptions, specs: Sequence[InputSpec]) -> int:
    """Samples per run."""
    fixed, asked = fixed_batch(specs), options.time_batch
    if fixed is not None and asked not in (None, fixed):
        raise UsageError(f"--time-batch: got {asked}, the model's batch is fixed to {fixed}: leave it out")
    return fixed or asked or 1


def _samples(options: RewriteOptions, size: int) -> int:
    """Samples that times are measured on, in batches of `size`."""
    return max(options.time_images, _LEAST_BATCHES * size if size > 1 else 0)
