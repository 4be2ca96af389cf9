"""Data in two parts: what is in memory, what is left to report on, and when there is only one."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data import DataOptions, Reader
from spl_onnx.data.parts import Parts, SearchData, search_data, split_data
from spl_onnx.data.reader import ForeignReader
from spl_onnx.errors import DataError
from spl_onnx.options import RewriteOptions
from tests.small_models import small_cnn, small_images


def test_the_first_samples_are_whole_batches():
    batches = [{"x": np.zeros((4, 2))}, {"x": np.zeros((3, 2))}, {"x": np.zeros((5, 2))}]
    data = SearchData(batches, np.arange(12))
    assert data.samples == 12
    for samples, wanted in ((1, 4), (4, 4), (5, 7), (7, 7), (8, 12), (99, 12)):
        first = data.first(samples)
        assert first.samples == wanted and first.labels.tolist() == list(range(wanted))
    assert SearchData(batches).first(5).labels is None


class Batches:
    def __init__(self, labelled):
        self.left, self.labelled = [3, 2], labelled

    def get_next(self):
        if not self.left:
            return None
        count = self.left.pop(0)
        self.last_labels = np.arange(count) if self.labelled else None
        return {"x": np.full((count, 2), count, np.float32)}


@pytest.mark.parametrize("labelled", [False, True])
def test_samples_in_memory(labelled):
    data = search_data(ForeignReader(Batches(labelled), lambda feeds: None))
    assert [len(feeds["x"]) for feeds in data.batches] == [3, 2] and data.samples == 5
    assert (data.labels.tolist() if labelled else data.labels) == ([0, 1, 2, 0, 1] if labelled else None)


def split(tmp_path, samples, **options):
    np.savez(tmp_path / "data.npz", x=small_images(samples))
    chosen = RewriteOptions(data=str(tmp_path / "data.npz"), **options)
    return split_data(small_cnn(), chosen, DataOptions())


def test_no_sample_is_in_both_parts(tmp_path):
    parts = split(tmp_path, 90, search_images=40)
    assert isinstance(parts, Parts) and parts.search.samples == 40 and len(parts.report) == 50
    search = {image.tobytes() for feeds in parts.search.batches for image in feeds["input"]}
    report = {image.tobytes() for feeds, _ in parts.report.batches() for image in feeds["input"]}
    assert len(search) == 40 and len(report) == 50 and not search & report
    assert {feeds["input"].tobytes() for feeds in parts.timed} <= search


def test_too_few_samples_stay_together(tmp_path):
    whole = split(tmp_path, 20)
    assert isinstance(whole, Reader) and len(whole) == 20
    with pytest.raises(DataError, match="got fewer than"):
        split(tmp_path, 20, objective="flops")
