"""Looking at data without losing it."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data.peek import batches_of, peek, single_samples
from spl_onnx.data.reader import ForeignReader
from spl_onnx.errors import DataError


class Once:
    """Three batches of four, each readable once."""

    def __init__(self, count=3):
        self.left = [np.full((4, 2), i, np.float32) for i in range(count)]

    def get_next(self):
        if not self.left:
            return None
        x = self.left.pop(0)
        self.last_labels = x[:, 0].astype(np.int64)
        return {"x": x}


class Again(Once):
    def rewind(self):
        self.__init__()


def values(reader):
    found = []
    while (feeds := reader.get_next()) is not None:
        found.append((float(feeds["x"][0, 0]), int(reader.last_labels[0])))
    return found


@pytest.mark.parametrize("source", [Once, Again])
def test_everything_is_still_there(source):
    batches, reader = peek(ForeignReader(source(), lambda feeds: None), 6)
    assert [float(feeds["x"][0, 0]) for feeds in batches] == [0, 1]
    reader.rewind()
    assert values(reader) == [(0, 0), (1, 1), (2, 2)]


def test_what_can_be_read_once_cannot_be_read_three_times():
    _, reader = peek(ForeignReader(Once(), lambda feeds: None), 100)
    values(reader)
    with pytest.raises(DataError, match="cannot be read twice"):
        reader.rewind()


def test_no_data():
    with pytest.raises(DataError, match="empty"):
        peek(ForeignReader(Once(0), lambda feeds: None), 1)


def test_single_samples():
    feeds = {"a": np.arange(6).reshape(3, 2), "b": np.arange(3)}
    found = single_samples([feeds, feeds], 4)
    assert [f["a"].tolist() for f in found] == [[[0, 1]], [[2, 3]], [[4, 5]], [[0, 1]]]
    assert found[1]["b"].tolist() == [1]


def test_arrays_that_do_not_share_a_batch_stay_together():
    feeds = {"a": np.zeros((3, 2)), "b": np.zeros(1)}
    assert single_samples([feeds], 5) == [feeds]


def sizes(*rows):
    return [{"x": np.arange(2.0 * n).reshape(n, 2), "k": np.arange(n)} for n in rows]


def test_batches_of_another_size():
    """Samples in their order, whatever batches they came in; the rest that fills no batch is left out."""
    found = batches_of(sizes(3, 4), 7, 2)
    assert [feeds["x"].tolist() for feeds in found] == [
        [[0, 1], [2, 3]],
        [[4, 5], [0, 1]],
        [[2, 3], [4, 5]],
    ]
    assert found[1]["k"].tolist() == [2, 0]
    assert len(batches_of(sizes(3, 4), 5, 2)) == 2
    assert [len(feeds["x"]) for feeds in batches_of(sizes(3, 4), 2, 1)] == [1, 1]


def test_samples_of_different_shapes_share_no_batch():
    tall = [{"x": np.zeros((2, 5, 3))}, {"x": np.ones((3, 4, 3))}, {"x": np.zeros((1, 5, 3))}]
    assert [feeds["x"].shape for feeds in batches_of(tall, 6, 3)] == [(3, 5, 3), (3, 4, 3)]


@pytest.mark.parametrize("feeds", [{"x": np.zeros((3, 2))}, {"a": np.zeros((4, 2)), "b": np.zeros(())}])
def test_no_whole_batch(feeds):
    with pytest.raises(DataError, match="--time-batch: got 4, the data has no 4 samples of one shape"):
        batches_of([feeds], 8, 4)
