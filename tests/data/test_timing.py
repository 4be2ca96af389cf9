"""Batches for timing: their size, how many there are, and what is left of the data."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data import DataOptions, input_specs
from spl_onnx.data.timing import timed_batches, timing_data
from spl_onnx.errors import DataError, UsageError
from spl_onnx.options import RewriteOptions
from tests.small_models import small_cnn, small_images


class Object:
    """Batches of four, each readable once."""

    def __init__(self, samples):
        self.left = list(small_images(samples).reshape(-1, 4, *small_images(1).shape[1:]))

    def get_next(self):
        return {"input": self.left.pop(0)} if self.left else None


def sizes(batches):
    return [len(feeds["input"]) for feeds in batches]


def test_single_samples_unless_a_batch_is_asked_for(tmp_path):
    np.savez(tmp_path / "data.npz", x=small_images(50))
    for data in (str(tmp_path / "data.npz"), Object(48)):
        batches, _ = timing_data(small_cnn(), RewriteOptions(data=data), DataOptions())
        assert sizes(batches) == [1] * 32


@pytest.mark.parametrize(("batch", "wanted"), [(2, [2] * 16), (8, [8] * 4), (10, [10] * 4)])
def test_batches_as_asked_for(tmp_path, batch, wanted):
    """At least four of them."""
    x = small_images(50)
    np.savez(tmp_path / "data.npz", x=x)
    options = {"time_batch": batch}
    batches, _ = timing_data(
        small_cnn(), RewriteOptions(data=str(tmp_path / "data.npz"), **options), DataOptions()
    )
    assert sizes(batches) == wanted
    np.testing.assert_array_equal(batches[1]["input"], x[batch : 2 * batch])
    batches, left = timing_data(small_cnn(), RewriteOptions(data=Object(48), **options), DataOptions())
    assert sizes(batches) == wanted
    left.data.rewind()
    assert sum(sizes(iter(left.data.get_next, None))) == 48, "all of it can still be read"


def test_fewer_samples_than_that(tmp_path):
    np.savez(tmp_path / "data.npz", x=small_images(20))
    asked = {"data": str(tmp_path / "data.npz"), "time_batch": 8}
    assert sizes(timing_data(small_cnn(), RewriteOptions(**asked), DataOptions())[0]) == [8, 8]
    assert sizes(timing_data(small_cnn(), RewriteOptions(**asked), DataOptions(limit=9))[0]) == [8]
    with pytest.raises(DataError, match="--time-batch: got 8"):
        timing_data(small_cnn(), RewriteOptions(**asked), DataOptions(limit=7))


def test_a_model_with_a_fixed_batch():
    model = small_cnn(batch=4)
    data = [{"input": small_images(4)}] * 20
    for asked in (None, 4):
        found = timed_batches(data, RewriteOptions(time_batch=asked), input_specs(model))
        assert sizes(found) == [4] * 8
    with pytest.raises(UsageError, match="--time-batch: got 8, the model's batch is fixed to 4"):
        timed_batches(data, RewriteOptions(time_batch=8), input_specs(model))
    with pytest.raises(UsageError, match="fixed to 1"):
        timed_batches(data, RewriteOptions(time_batch=8), input_specs(small_cnn(batch=1)))
