"""Readers start again, end, and wrap objects of users."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data.reader import DataReader, ForeignReader, samples_of
from spl_onnx.data.sources import open_data
from spl_onnx.errors import DataError
from tests.data.specs import IMAGE_SPEC, VECTOR_SPEC


class Once:
    """A user's reader with one method."""

    def __init__(self, batches):
        self.left = list(batches)

    def get_next(self):
        return self.left.pop(0) if self.left else None


class Again(Once):
    """A user's reader that can start again and knows labels."""

    last_labels = None

    def __init__(self, batches):
        super().__init__(batches)
        self.all = list(batches)

    def get_next(self):
        feeds = super().get_next()
        self.last_labels = None if feeds is None else [len(self.left)]
        return feeds

    def rewind(self):
        self.left = list(self.all)

    def __len__(self):
        return len(self.all)


def vector(value=0.0):
    return {"v": np.full((1, 4), value, np.float32)}


def test_any_object_with_get_next_is_a_reader():
    assert isinstance(Once([]), DataReader)
    assert not isinstance(object(), DataReader)


def test_foreign_reader_gives_all_batches_then_none():
    reader = open_data(Once([vector(1), vector(2)]), [VECTOR_SPEC])
    assert [reader.get_next()["v"][0, 0] for _ in range(2)] == [1, 2]
    assert reader.get_next() is None
    assert len(reader) == 0, "a length nobody knows is 0"


def test_foreign_reader_passes_labels_and_rewind_on():
    reader = open_data(Again([vector(1), vector(2)]), [VECTOR_SPEC])
    reader.get_next()
    assert reader.last_labels.tolist() == [1]
    reader.rewind()
    assert reader.get_next()["v"][0, 0] == 1
    assert len(reader) == 2


def test_foreign_reader_that_cannot_start_again_says_so():
    reader = open_data(Once([vector()]), [VECTOR_SPEC])
    reader.get_next()
    with pytest.raises(DataError, match=r"Once cannot be read twice: give it a method rewind"):
        reader.rewind()


def test_foreign_reader_may_be_rewound_before_it_was_read():
    reader = open_data(Once([vector(3)]), [VECTOR_SPEC])
    reader.rewind()
    assert reader.get_next()["v"][0, 0] == 3


def test_foreign_batches_are_checked():
    reader = open_data(Once([{"other": np.zeros((1, 4), np.float32)}]), [VECTOR_SPEC])
    with pytest.raises(DataError, match="Once: got arrays 'other', wanted the model's inputs 'v'"):
        reader.get_next()


def test_own_readers_are_rewound_when_opened(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 3, 8, 8), np.float32))
    reader = open_data(tmp_path / "a.npz", [IMAGE_SPEC])
    assert reader.get_next() is not None
    assert reader.get_next() is None
    assert open_data(reader, [IMAGE_SPEC]).get_next() is not None


def test_length_of_a_reader_without_one_is_zero():
    assert len(ForeignReader(Once([]), check=lambda feeds: None)) == 0


def test_things_that_are_no_data():
    with pytest.raises(DataError, match="got int, wanted a path or an object with get_next"):
        open_data(3, [VECTOR_SPEC])


def test_arrays_without_a_common_dimension_are_one_sample():
    assert samples_of({"a": np.zeros((4, 2)), "b": np.zeros((4, 7))}) == 4
    assert samples_of({"a": np.zeros((4, 2)), "b": np.zeros(3)}) == 1
    assert samples_of({"a": np.zeros((4, 2)), "b": np.float32(0)}) == 1


@pytest.mark.parametrize("batch", [3, [np.zeros(3)], "x"])
def test_what_is_no_batch(batch):
    reader = open_data(Once([batch]), [VECTOR_SPEC])
    with pytest.raises(DataError, match=r"Once: got (int|list|str), wanted arrays by input name"):
        reader.get_next()


def test_labels_that_are_no_array():
    source = Once([{VECTOR_SPEC.name: np.zeros((2, 3), np.float32)}])
    source.last_labels = [[1], [2, 3]]
    reader = ForeignReader(source, lambda feeds: None)
    with pytest.raises(DataError, match=r"last_labels: .*wanted one array"):
        reader.get_next()
