"""Accuracy of one network."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data.inputs import InputSpec
from spl_onnx.data.npz import NpzReader
from spl_onnx.errors import DataError, ModelError
from spl_onnx.measure.accuracy import check_labels, evaluate, first_output, is_classes

SPEC = InputSpec("x", np.dtype(np.float32), (None, 3))


def reader_of(tmp_path, x, y=None, batch=4):
    arrays = {"x": np.asarray(x, np.float32)} | ({} if y is None else {"y": np.asarray(y)})
    np.savez(tmp_path / "data.npz", **arrays)
    return NpzReader([tmp_path / "data.npz"], [SPEC], batch)


def same(feeds):
    """A network that gives its input."""
    return [feeds["x"]]


def test_top1_top5_over_batches(tmp_path):
    x = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    told = []
    result = evaluate(same, reader_of(tmp_path, x, [0, 1, 2, 0, 0, 0]), told.append)
    assert result.images == 6 and told == [4, 2]
    assert result.scores["top1"] == pytest.approx(4 / 6) and result.scores["top5"] == 1
    low, high = result.intervals["top1"]
    assert low < 4 / 6 < high and result.intervals["top5"] == (1, 1)


def test_reference_outputs_give_psnr(tmp_path):
    x = np.full((5, 3), 0.5, np.float32)
    result = evaluate(same, reader_of(tmp_path, x, x + np.float32(0.1)))
    assert set(result.scores) == {"psnr"} and result.scores["psnr"] == pytest.approx(20, abs=1e-4)


def test_data_without_labels(tmp_path):
    with pytest.raises(DataError, match="has no labels"):
        evaluate(same, reader_of(tmp_path, np.zeros((2, 3))))


class Empty:
    def get_next(self):
        return None


def test_empty_data():
    from spl_onnx.data import open_data

    with pytest.raises(DataError, match="the data is empty"):
        evaluate(same, open_data(Empty(), [SPEC]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "labels go from 0 to 3, wanted 0 to 2"),
        ([-1, 0], "labels go from -1 to 0"),
        ([0.0, 1.0], "type float64, wanted whole"),
        ([0, 1, 2], r"shape \[3\], outputs \[2, 3\]"),
        ([[0, 1], [1, 0]], r"shape \[2, 2\]"),
    ],
)
def test_labels_that_do_not_fit(labels, message):
    with pytest.raises(DataError, match=message):
        check_labels(np.asarray(labels), np.zeros((2, 3)))


def test_what_are_classes():
    assert is_classes(np.zeros(2, int), np.zeros((2, 3)))
    assert not is_classes(None, np.zeros((2, 3)))
    assert not is_classes(np.zeros((2, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([], "the model has no outputs"),
        ([np.array(["cat"])], r"the first output is <U3 \[1\], wanted numbers"),
        ([np.array([{"a": 1}])], r"the first output is object \[1\]"),
        ([np.float32(3)], r"the first output is float32 \[\], wanted numbers, one row"),
        ([np.zeros((2, 0), np.float32)], r"the first output is float32 \[2, 0\]"),
    ],
)
def test_outputs_that_cannot_be_judged(outputs, message):
    with pytest.raises(ModelError, match=message):
        first_output(outputs)


def test_reference_outputs_must_be_numbers():
    with pytest.raises(DataError, match="labels have type <U1, wanted numbers"):
        check_labels(np.array([["a"]]), np.zeros((1, 1), np.float32))
