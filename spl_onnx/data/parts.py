"""Data in two parts: samples to search on, in memory, and a reader of those that results are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from spl_onnx.arrays import Array
from spl_onnx.data.inputs import InputSpec, input_specs, pin_shapes
from spl_onnx.data.reader import Feeds, Reader, samples_of
from spl_onnx.data.sources import DataOptions, open_data
from spl_onnx.data.split import MINIMUM, split_if_enough
from spl_onnx.data.timing import fixed_batch, timed_batches
from spl_onnx.errors import DataError
from spl_onnx.options import RewriteOptions
from spl_onnx.spec.messages import known_sizes


@dataclass(frozen=True)
class SearchData:
    """Samples of the search.

    Attributes:
        batches: inputs of the network.
        labels: answers of all samples together, or None.
    """

    batches: Sequence[Feeds]
    labels: Array | None = None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return sum(samples_of(feeds) for feeds in self.batches)

    def first(self, samples: int) -> SearchData:
        """The first batches that hold so many samples."""
        kept: list[Feeds] = []
        count = 0
        while count < samples and len(kept) < len(self.batches):
            kept.append(self.batches[len(kept)])
            count += samples_of(kept[-1])
        return SearchData(kept, None if self.labels is None else self.labels[:count])

    def without(self, first: SearchData) -> SearchData:
        """What is left behind the first batches."""
        labels = None if self.labels is None else self.labels[first.samples :]
        return SearchData(self.batches[len(first.batches) :], labels)


def search_data(reader: Reader) -> SearchData:
    """All samples of a reader, in memory."""
    batches: list[Feeds] = []
    labels: list[Array] = []
    reader.rewind()
    while (feeds := reader.get_next()) is not None:
        batches.append(feeds)
        if reader.last_labels is not None:
            labels.append(reader.last_labels)
    return SearchData(batches, np.concatenate(labels) if labels else None)


@dataclass(frozen=True)
class Parts:
    """Data in its two parts.

    Attributes:
        search: samples that settings are chosen on.
        report: samples that the result is measured on.
        timed: single samples of the first part, for timing.
        specs: inputs of the model.
    """

    search: SearchData
    report: Reader
    timed: list[Feeds]
    specs: list[InputSpec]


def split_data(model: onnx.ModelProto, options: RewriteOptions, reading: DataOptions) -> Parts | Reader:
    """The data of the options in two parts; all of it where nothing can be searched on.

    That is with too few samples, or with outputs that do not have one shape.

    Raises:
        DataError: the data does not fit the model.
    """
    specs = pin_shapes(input_specs(model), options.input_shape)
    reader = open_data(options.data, specs, reading)
    multiple = fixed_batch(specs) or 1
    found = split_if_enough(reader, options.search_images, multiple)
    if isinstance(found, Reader):
        if options.objective == "flops":
            raise DataError(
                f"data: got fewer than {2 * MINIMUM} samples, wanted at least {MINIMUM} to choose settings "
                f"on and {MINIMUM} others to measure the drop on (--objective flops)"
            )
        return found
    search, report = found
    data = search_data(search)
    if not _has_one_shape(model, data):
        if options.objective == "flops":
            raise DataError(
                "data: the samples have several shapes and so have the outputs, wanted one shape to compare "
                "them all at once (--objective flops)"
            )
        return search.source
    return Parts(data, report, timed_batches(data.batches, options, specs), specs)


def _has_one_shape(model: onnx.ModelProto, data: SearchData) -> bool:
    """Whether the first output has one shape for all samples, their number aside."""
    sizes = (known_sizes(model.graph.output[0]) or ())[1:]
    shapes = {tuple((name, array.shape[1:]) for name, array in feeds.items()) for feeds in data.batches}
    return len(shapes) == 1 or (len(sizes) > 0 and None not in sizes)
