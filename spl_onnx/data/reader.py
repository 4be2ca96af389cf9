"""What a source of data is: batches of model inputs, one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sized
from typing import Protocol, runtime_checkable

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.errors import DataError

Feeds = dict[str, Array]


def samples_of(feeds: Feeds) -> int:
    """Samples of a batch; arrays without a common first dimension are one sample, which cannot be divided."""
    sizes = {len(array) if array.ndim else None for array in feeds.values()}
    size = sizes.pop() if len(sizes) == 1 else None
    return 1 if size is None else size


@runtime_checkable
class DataReader(Protocol):
    """Anything with `get_next()`, as ONNX Runtime's CalibrationDataReader."""

    def get_next(self) -> Feeds | None:
        """The next batch, or None at the end."""


class Reader(ABC):
    """A source of batches that can start again and may know the right answers.

    Attributes:
        last_labels: answers for the batch that `get_next` returned last: class numbers [n] int64, or
            reference outputs [n, ...] float32; None where the data has none.
    """

    last_labels: Array | None = None

    def __init__(self) -> None:
        self._batches: Iterator[tuple[Feeds, Array | None]] | None = None

    @abstractmethod
    def batches(self) -> Iterator[tuple[Feeds, Array | None]]:
        """Yield (feeds, labels) from the first batch on; no more than one batch is held in memory."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples in all batches together."""

    def get_next(self) -> Feeds | None:
        """The next batch by input name, or None at the end."""
        if self._batches is None:
            self._batches = self.batches()
        feeds, self.last_labels = next(self._batches, (None, None))
        return feeds

    def rewind(self) -> None:
        """Start again at the first batch."""
        self._batches = None
        self.last_labels = None


class ForeignReader(Reader):
    """A user's object with `get_next()`, checked as it is read.

    `rewind()` is passed on when the object has it; labels are taken from its `last_labels`.
    """

    def __init__(self, source: DataReader, check: Callable[[Feeds], None]) -> None:
        """Wrap `source`; `check(feeds)` raises DataError for a batch that does not fit the model."""
        super().__init__()
        self._source = source
        self._check = check
        self._started = False

    def batches(self) -> Iterator[tuple[Feeds, Array | None]]:
        """Yield what the object gives until it gives None."""
        self._started = True
        while (feeds := self._source.get_next()) is not None:
            self._check(feeds)
            labels = getattr(self._source, "last_labels", None)
            yield feeds, None if labels is None else _array(labels)

    def rewind(self) -> None:
        """Start again.

        Raises:
            DataError: the object was read already and has no `rewind()`.
        """
        again = getattr(self._source, "rewind", None)
        if again is not None:
            again()
        elif self._started:
            raise DataError(f"{type(self._source).__name__} cannot be read twice: give it a method rewind()")
        super().rewind()

    def __len__(self) -> int:
        """Number of samples, where the object knows it; else 0."""
        return len(self._source) if isinstance(self._source, Sized) else 0


def _array(labels: object) -> Array:
    try:
        return np.asarray(labels)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"last_labels: {error}, wanted one array for all samples of a batch") from error
