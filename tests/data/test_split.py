"""Two parts of one set of data: nothing in both, everything in order, labels beside their samples."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.data.inputs import InputSpec
from spl_onnx.data.npz import NpzReader
from spl_onnx.data.reader import ForeignReader
from spl_onnx.data.sources import DataOptions, open_data
from spl_onnx.data.split import MINIMUM, SplitReader, split_if_enough, split_reader, spread
from spl_onnx.errors import DataError
from tests.data.test_reader import Once

SPEC = InputSpec("v", np.dtype(np.float32), (None, 2))


class Again(Once):
    """A user's reader that can start again; its length counts batches."""

    def __init__(self, batches):
        super().__init__(batches)
        self.all = list(batches)

    def rewind(self):
        self.left = list(self.all)

    def __len__(self):
        return len(self.all)


def numbered(count, first=0):
    """Inputs [count, 2] whose first value is the number of the sample."""
    return np.stack([np.arange(first, first + count)] * 2, axis=1).astype(np.float32)


def npz(tmp_path, count, batch=4, classes=True):
    """Samples with their number as label."""
    arrays = {"x": numbered(count)} | ({"y": np.arange(count)} if classes else {})
    np.savez(tmp_path / "data.npz", **arrays)
    return NpzReader([tmp_path / "data.npz"], [SPEC], batch)


def batches_of(reader):
    """What a reader gives until its end: (numbers of the samples, labels) of each batch."""
    found = []
    while (feeds := reader.get_next()) is not None:
        labels = reader.last_labels
        found.append((feeds["v"][:, 0].astype(int).tolist(), None if labels is None else labels.tolist()))
    return found


def samples(reader):
    return [number for numbers, _ in batches_of(reader) for number in numbers]


def foreign(source):
    return ForeignReader(source, check=lambda feeds: None)


def in_batches(*sizes):
    """Batches of these sizes, numbered through."""
    starts = np.cumsum([0, *sizes])
    return [{"v": numbered(size, int(start))} for size, start in zip(sizes, starts[:-1], strict=True)]


@pytest.mark.parametrize(("total", "count"), [(10, 5), (10, 3), (7, 7), (1000, 256), (5, 1), (5, 0)])
def test_spread_is_even_and_exact(total, count):
    chosen = np.flatnonzero(spread(total, count))
    assert len(chosen) == count
    for i, place in enumerate(chosen):
        assert i * total // count <= place < (i + 1) * total // count


@pytest.mark.parametrize("period", [2, 3, 4, 5, 8])
def test_periodic_data_is_spread_too(period):
    """Every k-th sample of data that repeats with period k would be one class."""
    total = 120 * period
    classes = np.arange(total) % period
    counts = np.bincount(classes[spread(total, total // period)], minlength=period)
    assert counts.min() > 0.5 * 120 / period, counts


def test_parts_share_nothing_and_keep_the_order(tmp_path):
    search, report = split_reader(npz(tmp_path, 90), 40)
    both = samples(search), samples(report)
    assert [len(part) for part in both] == [len(search), len(report)] == [40, 50]
    assert sorted(both[0] + both[1]) == list(range(90))
    assert all(part == sorted(part) for part in both)


def test_labels_stay_beside_their_samples(tmp_path):
    for part in split_reader(npz(tmp_path, 90), 40):
        for numbers, labels in batches_of(part):
            assert labels == numbers
    assert batches_of(split_reader(npz(tmp_path, 90, classes=False), 40)[0])[0][1] is None


def test_data_sorted_by_class_is_spread(tmp_path):
    search, _ = split_reader(npz(tmp_path, 500), 100)
    assert np.bincount(np.array(samples(search)) // 50).tolist() == [10] * 10


def test_batches_keep_their_size(tmp_path):
    search, report = split_reader(npz(tmp_path, 80, batch=8), 35)
    assert [len(numbers) for numbers, _ in batches_of(search)] == [8, 8, 8, 8, 3]
    assert [len(numbers) for numbers, _ in batches_of(report)] == [8] * 5 + [5]


def test_models_with_a_fixed_batch_get_whole_ones(tmp_path):
    parts = split_reader(npz(tmp_path, 90, batch=8), 43, multiple=8)
    assert [len(part) for part in parts] == [40, 48]
    assert {len(numbers) for part in parts for numbers, _ in batches_of(part)} == {8}


def test_parts_start_again_and_do_not_depend_on_each_other(tmp_path):
    search, report = split_reader(npz(tmp_path, 80), 40)
    whole = samples(search)
    search.rewind()
    first = search.get_next()["v"][:, 0].tolist()
    report_first = report.get_next()["v"][:, 0].tolist()
    assert first + samples(search) == whole and search.last_labels is None
    report.rewind()
    assert report_first == samples(report)[: len(report_first)]


def test_halves_and_limits(tmp_path):
    assert [len(part) for part in split_reader(npz(tmp_path, 71))] == [35, 36]
    search, report = split_reader(npz(tmp_path, 200), 40, 60)
    both = samples(search) + samples(report)
    assert len(report) == 60 and len(set(both)) == 100
    assert max(samples_left := both[40:]) > 190 and min(samples_left) < 10, "the report is spread as well"


def test_the_limit_of_the_options_counts(tmp_path):
    npz(tmp_path, 300)
    reader = open_data(tmp_path / "data.npz", [SPEC], DataOptions(limit=100))
    assert [len(part) for part in split_reader(reader, 40)] == [40, 60]


def test_objects_that_can_start_again_are_counted():
    """The length an object gives may count its batches."""
    reader = foreign(Again(in_batches(30, 30, 7)))
    assert len(reader) == 3
    search, report = split_reader(reader, 33)
    assert [len(search), len(report)] == [33, 34]
    assert sorted(samples(search) + samples(report)) == list(range(67))
    search.rewind()
    assert len(samples(search)) == 33


def test_objects_that_can_be_read_once_are_kept():
    search, report = split_reader(foreign(Once(in_batches(30, 30, 7))), 33)
    for _ in range(2):
        assert sorted(samples(search) + samples(report)) == list(range(67))
        search.rewind()
        report.rewind()


def test_objects_that_fill_the_same_array_again():
    class Reusing(Once):
        def __init__(self, batches):
            super().__init__(batches)
            self.array = np.zeros((10, 2), np.float32)

        def get_next(self):
            feeds = super().get_next()
            if feeds is None:
                return None
            self.array[:] = feeds["v"]
            return {"v": self.array}

    search, report = split_reader(foreign(Reusing(in_batches(*[10] * 7))), 35)
    assert sorted(samples(search) + samples(report)) == list(range(70))


def test_what_does_not_fit_into_memory():
    batch = numbered(40)
    with pytest.raises(
        DataError, match=r"read once only and has more than 0 MiB.* give the object a method rewind"
    ):
        split_reader(foreign(Once([{"v": batch}] * 2)), 40, memory=2 * batch.nbytes - 1)
    assert len(split_reader(foreign(Once([{"v": batch}] * 2)), 40, memory=2 * batch.nbytes)[0]) == 40


def test_too_few_samples(tmp_path):
    with pytest.raises(
        DataError, match="got 63 samples, wanted at least 64: 32 to choose settings on and 32 others"
    ):
        split_reader(npz(tmp_path, 63))
    assert len(split_reader(npz(tmp_path, 63), minimum=31)[0]) == 31


@pytest.mark.parametrize(("search", "report"), [(69, None), (31, None), (40, 61), (40, 31)])
def test_parts_that_would_overlap_or_say_nothing(tmp_path, search, report):
    with pytest.raises(DataError, match=r"got 100 samples, of which \d+ .* search on 32 to 68"):
        split_reader(npz(tmp_path, 100), search, report)


@pytest.mark.parametrize(
    ("total", "wanted", "search"),
    [(64, 256, 32), (65, 256, 32), (200, 40, 40), (600, 256, 256), (300, 256, 150)],
)
def test_at_most_half_is_searched_on(tmp_path, total, wanted, search):
    parts = split_if_enough(npz(tmp_path, total), wanted)
    assert [len(part) for part in parts] == [search, total - search]
    assert sorted(samples(parts[0]) + samples(parts[1])) == list(range(total))


@pytest.mark.parametrize(("total", "multiple"), [(2 * MINIMUM - 1, 1), (79, 20), (1, 1)])
def test_too_few_for_two_parts_stay_together(tmp_path, total, multiple):
    kept = split_if_enough(npz(tmp_path, total), 256, multiple)
    assert samples(kept) == list(range(total)), "from the first sample on"


def test_few_samples_that_can_be_read_once_are_not_lost():
    kept = split_if_enough(foreign(Once(in_batches(10, 7))), 256)
    for _ in range(2):
        assert samples(kept) == list(range(17))
        kept.rewind()


def test_parts_of_whole_batches_that_are_enough(tmp_path):
    search, report = split_if_enough(npz(tmp_path, 99), 256, 20)
    assert [len(search), len(report)] == [40, 40]


def test_the_source_of_a_part_is_all_of_it():
    search, _ = split_if_enough(foreign(Once(in_batches(40, 40))), 256)
    search.get_next()
    assert samples(search.source) == list(range(80))


def test_empty_data():
    with pytest.raises(DataError, match="the data is empty"):
        split_reader(foreign(Once([])), 10)


def test_data_that_changes_between_passes():
    source = Again(in_batches(40, 40))
    search, _ = split_reader(foreign(source), 40)
    source.all.pop()
    with pytest.raises(DataError, match="gave 80 samples and now 40"):
        samples(search)


def test_labels_of_another_length():
    class Labelled(Again):
        def get_next(self):
            feeds = super().get_next()
            self.last_labels = np.zeros(39, np.int64)
            return feeds

    search, _ = split_reader(foreign(Labelled(in_batches(40, 40))), 40)
    with pytest.raises(DataError, match="got 39 for a batch of 40 samples"):
        samples(search)


def test_images_of_two_sizes_are_not_joined():
    sizes = [(2, 3)] * 3 + [(2, 5)] * 3
    source = Again([{"v": np.zeros((2, *size[1:]), np.float32)} for size in sizes])
    reader = SplitReader(foreign(source), np.ones(12, bool), 4)
    shapes = []
    while (feeds := reader.get_next()) is not None:
        shapes.append(feeds["v"].shape)
    assert shapes == [(4, 3), (2, 3), (4, 5), (2, 5)]


def test_labels_of_what_cannot_be_divided():
    """One sample with four answers: which ones belong together is not known."""
    source = Again([{"a": np.zeros((4, 2)), "b": np.zeros(3)}] * 2)
    source.last_labels = np.arange(4)
    with pytest.raises(DataError, match="labels: got 4 for a batch of 1 samples, wanted one for each"):
        SplitReader(foreign(source), np.ones(2, bool), 1).get_next()
