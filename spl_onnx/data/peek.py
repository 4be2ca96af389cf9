"""Look at the first samples of data and still read all of it, even where it can be read only once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Feeds, Reader, samples_of
from spl_onnx.errors import DataError


class Replay(Reader):
    """Batches that were read already, then the rest of their reader.

    Args:
        kept: the batches with their labels.
        rest: the reader they came from.
    """

    def __init__(self, kept: list[tuple[Feeds, Array | None]], rest: Reader) -> None:
        super().__init__()
        self._kept = kept
        self._rest = rest

    def batches(self) -> Iterator[tuple[Feeds, Array | None]]:
        """Yield (feeds, labels) from the first batch on; the kept ones are dropped on the way."""
        while self._kept:
            yield self._kept.pop(0)
        while (feeds := self._rest.get_next()) is not None:
            yield feeds, self._rest.last_labels

    def rewind(self) -> None:
        """Start again; nothing to do before the first batch is read.

        Raises:
            DataError: reading has begun and the data cannot be read again.
        """
        if self._batches is not None:
            self._rest.rewind()
            super().rewind()

    def __len__(self) -> int:
        """Number of samples, where the reader knows it; else 0."""
        return len(self._rest)


def peek(reader: Reader, samples: int) -> tuple[list[Feeds], Reader]:
    """The first batches of the data, and a reader that still gives all of it.

    Args:
        reader: the data, at its first batch.
        samples: batches are read until they hold this many samples.

    Raises:
        DataError: the data is empty.
    """
    kept: list[tuple[Feeds, Array | None]] = []
    count = 0
    while count < samples and (feeds := reader.get_next()) is not None:
        kept.append((feeds, reader.last_labels))
        count += samples_of(feeds)
    if not kept:
        raise DataError("the data is empty: wanted at least one batch")
    batches = [feeds for feeds, _ in kept]
    try:
        reader.rewind()
    except DataError:
        return batches, Replay(kept, reader)
    return batches, reader


def single_samples(batches: list[Feeds], samples: int) -> list[Feeds]:
    """At most `samples` batches of one; arrays without a common first dimension stay together."""
    found = [single for feeds in batches for single in _split(feeds)]
    return found[:samples]


def batches_of(batches: list[Feeds], samples: int, size: int) -> list[Feeds]:
    """At most `samples` samples in batches of `size`; those that fill none are left out.

    Args:
        batches: of any size.
        samples: that are wanted.
        size: samples per batch.

    Raises:
        DataError: there are too few samples of one shape for a single batch.
    """
    if size == 1:
        return single_samples(batches, samples)
    alike: dict[Any, list[Feeds]] = {}
    for single in single_samples(batches, samples):
        alike.setdefault(_shapes(single), []).append(single)
    found = [
        {name: np.concatenate([single[name] for single in group[i : i + size]]) for name in group[0]}
        for shapes, group in alike.items()
        for i in range(0, len(group) - size + 1, size)
        if shapes is not None
    ]
    if not found:
        raise DataError(
            f"--time-batch: got {size}, the data has no {size} samples of one shape to make a batch of"
        )
    return found


def _shapes(single: Feeds) -> tuple[tuple[int, ...], ...] | None:
    """Shapes of a sample; None where it is not one, with a first dimension of its own."""
    if any(array.shape[:1] != (1,) for array in single.values()):
        return None
    return tuple(array.shape for array in single.values())


def _split(feeds: Feeds) -> list[Feeds]:
    count = samples_of(feeds)
    if count == 1:
        return [feeds]
    return [{name: array[i : i + 1] for name, array in feeds.items()} for i in range(count)]
