"""Two parts of one set of data: settings are chosen on the first, what they cost is reported on the second.

A drop that is measured where settings were chosen is too small, because the choice has fitted those samples.
So no sample is in both parts. Sample by sample, not batch by batch: data that is sorted by class is spread
over both. One sample of every stretch of equal length goes to the search, at a place within the stretch that
follows the golden ratio: evenly spread like every k-th sample, without the risk that the data repeats with
period k. Nothing is random: the same data gives the same parts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.data.images import ImageFolderReader
from spl_onnx.data.npz import NpzReader
from spl_onnx.data.peek import Replay, peek
from spl_onnx.data.reader import Feeds, Reader, samples_of
from spl_onnx.errors import DataError
from spl_onnx.options import LEAST_SAMPLES

#: Samples that each part needs at least.
MINIMUM = LEAST_SAMPLES
#: Bytes of inputs that are kept of data that can be read once only.
MEMORY = 1 << 30

#: Their length is the number of samples; other readers may count batches, or not know.
_EXACT = (ImageFolderReader, NpzReader)
_GOLDEN = (5**0.5 - 1) / 2
Batch = tuple[Feeds, Array | None]


def split_reader(
    reader: Reader,
    search_images: int | None = None,
    report_images: int | None = None,
    *,
    multiple: int = 1,
    minimum: int = MINIMUM,
    memory: int = MEMORY,
) -> tuple[SplitReader, SplitReader]:
    """Split data into the part for the search and the part for the report.

    Args:
        reader: the data, at its first batch. Data that can be read once only is kept in memory.
        search_images: samples to search on; None = half of them.
        report_images: samples to report on; None = all others.
        multiple: each part is cut to a multiple of this, for models with a fixed batch.
        minimum: samples that each part needs at least.
        memory: bytes of inputs that are kept of data that can be read once only.

    Returns:
        The search part and the report part. Both give batches of the data's own size (the last one what is
        left) in the data's order and start again at will; where the data is a user's object, they take turns:
        one is read to its end before the other.

    Raises:
        DataError: there are too few samples for two parts, or too many to keep in memory.
    """
    reader, total, batch = _counted(reader, memory)
    search = (total // 2 if search_images is None else search_images) // multiple * multiple
    report = total - search if report_images is None else report_images
    report = report // multiple * multiple
    _check(total, search, report, minimum)
    for_search = spread(total, search)
    for_report = np.zeros(total, bool)
    for_report[np.flatnonzero(~for_search)[spread(total - search, report)]] = True
    return SplitReader(reader, for_search, batch), SplitReader(reader, for_report, batch)


def split_if_enough(
    reader: Reader, search_images: int, multiple: int = 1
) -> tuple[SplitReader, SplitReader] | Reader:
    """Both parts, the search's with at most half of the samples; too few for two stay together.

    Args:
        reader: the data, at its first batch.
        search_images: samples wanted for the search.
        multiple: as for `split_reader`.

    Raises:
        DataError: the data can be read once only and is too much to keep in memory.
    """
    reader, total, _ = _counted(reader, MEMORY)
    search = min(search_images, total // 2) // multiple * multiple
    if search < MINIMUM or total - search < MINIMUM:
        reader.rewind()
        return reader
    return split_reader(reader, search, multiple=multiple)


def _check(total: int, search: int, report: int, minimum: int) -> None:
    if total < 2 * minimum:
        raise DataError(
            f"data: got {total} samples, wanted at least {2 * minimum}: {minimum} to choose settings on and "
            f"{minimum} others to measure the drop on; the same samples would make the drop look too small"
        )
    if min(search, report) < minimum or search + report > total:
        raise DataError(
            f"data: got {total} samples, of which {search} for the search and {report} for the report, "
            f"wanted at least {minimum} each and none in both: search on {minimum} to {total - minimum}"
        )


def spread(total: int, count: int) -> NDArray[np.bool_]:
    """`count` of `total` places, one in each of `count` stretches of equal length.

    Returns:
        [total], True at the chosen places.
    """
    edges = np.arange(count + 1) * total // max(count, 1)
    offsets = np.modf(np.arange(1, count + 1) * _GOLDEN)[0] * np.diff(edges)
    chosen = np.zeros(total, bool)
    chosen[edges[:-1] + offsets.astype(np.int64)] = True
    return chosen


class SplitReader(Reader):
    """Some samples of another reader, in its order.

    Args:
        source: the data; it can be read again.
        chosen: [samples of the data], True for those that are given.
        batch: samples per batch; the last one, and one before a change of shapes, may hold fewer.
    """

    def __init__(self, source: Reader, chosen: NDArray[np.bool_], batch: int) -> None:
        super().__init__()
        self._source = source
        self._chosen = chosen
        self._batch = batch

    @property
    def source(self) -> Reader:
        """All of the data, at its first batch."""
        self._source.rewind()
        return self._source

    def __len__(self) -> int:
        """Number of samples."""
        return int(self._chosen.sum())

    def batches(self) -> Iterator[Batch]:
        """Yield (feeds, labels) from the first batch on; at most two batches are held in memory.

        Raises:
            DataError: the data has another number of samples than when it was split.
        """
        waiting: list[Batch] = []
        for sample in self._samples():
            if len(waiting) == self._batch or (waiting and _shapes(waiting[0]) != _shapes(sample)):
                yield _join(waiting)
                waiting = []
            waiting.append(sample)
        if waiting:
            yield _join(waiting)

    def _samples(self) -> Iterator[Batch]:
        start, total = 0, len(self._chosen)
        self._source.rewind()
        for feeds, labels in self._source.batches():
            count = samples_of(feeds)
            for i in np.flatnonzero(self._chosen[start : start + count]):
                yield _sample(feeds, labels, int(i), count)
            start += count
        if start != total:
            raise DataError(
                f"the data gave {total} samples and now {start}, wanted the same ones every time it is read"
            )


class _KeptReader(Reader):
    """Batches in memory."""

    def __init__(self, kept: list[Batch]) -> None:
        super().__init__()
        self._kept = kept

    def batches(self) -> Iterator[Batch]:
        """Yield (feeds, labels)."""
        yield from self._kept

    def __len__(self) -> int:
        """Number of samples."""
        return sum(samples_of(feeds) for feeds, _ in self._kept)


def _counted(reader: Reader, memory: int) -> tuple[Reader, int, int]:
    """A reader that can start again, its number of samples and the size of its first batch."""
    (first, *_), reader = peek(reader, 1)
    if isinstance(reader, Replay):
        reader = _keep(reader, memory)
    total = len(reader) if isinstance(reader, (*_EXACT, _KeptReader)) else _count(reader)
    return reader, total, samples_of(first)


def _keep(reader: Reader, memory: int) -> _KeptReader:
    kept: list[Batch] = []
    used = 0
    while (feeds := reader.get_next()) is not None:
        used += sum(array.nbytes for array in feeds.values())
        if used > memory:
            raise DataError(
                f"the data can be read once only and has more than {memory >> 20} MiB, the most that is kept "
                "in memory to split it: give the object a method rewind(), or fewer samples"
            )
        # An object may fill the same arrays again for its next batch.
        kept.append(({name: np.array(array) for name, array in feeds.items()}, _copy(reader.last_labels)))
    return _KeptReader(kept)


def _count(reader: Reader) -> int:
    total = 0
    while (feeds := reader.get_next()) is not None:
        total += samples_of(feeds)
    reader.rewind()
    return total


def _sample(feeds: Feeds, labels: Array | None, index: int, count: int) -> Batch:
    """One sample of a batch of `count`, copied: the source may fill the same arrays again."""
    if labels is not None and len(labels) != count:
        raise DataError(f"labels: got {len(labels)} for a batch of {count} samples, wanted one for each")
    if count == 1:
        return {name: np.array(array) for name, array in feeds.items()}, _copy(labels)
    part = slice(index, index + 1)
    one = {name: np.array(array[part]) for name, array in feeds.items()}
    return one, None if labels is None else _copy(labels[part])


def _copy(labels: Array | None) -> Array | None:
    return None if labels is None else np.array(labels)


def _shapes(sample: Batch) -> dict[str, tuple[int, ...]]:
    """Shapes that samples must share to be in one batch."""
    feeds, labels = sample
    shapes = {name: array.shape for name, array in feeds.items()}
    return shapes if labels is None else {**shapes, "labels of the sample": labels.shape}


def _join(samples: list[Batch]) -> Batch:
    if len(samples) == 1:
        return samples[0]
    names = samples[0][0]
    feeds = {name: np.concatenate([feeds[name] for feeds, _ in samples]) for name in names}
    labels = [part for _, part in samples if part is not None]
    return feeds, np.concatenate(labels) if labels else None
