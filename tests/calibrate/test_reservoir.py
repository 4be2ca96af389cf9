"""Random choice of units from a stream of images."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.calibrate.reservoir import Reservoir


def drawn(batches: list[int], units: int, capacity: int, seed: int = 0) -> list[tuple[int, int]]:
    """(image, unit) of what is kept, in order; stores like a collector does."""
    reservoir, stored, start = Reservoir(capacity, seed), {}, 0
    for images in batches:
        taken = reservoir.offer(images, units)
        for slot, image, unit in zip(taken.slot, taken.image, taken.unit, strict=True):
            stored[int(slot)] = (start + int(image), int(unit))
        start += images
    order = reservoir.order()
    assert reservoir.images(order).tolist() == [stored[int(slot)][0] for slot in order]
    return [stored[int(slot)] for slot in order]


@pytest.mark.parametrize("capacity", [3, 20, 64, 1000])
def test_batches_do_not_matter(capacity):
    assert drawn([10], 12, capacity) == drawn([1] * 10, 12, capacity) == drawn([3, 7], 12, capacity)


def test_everything_is_kept_where_it_fits():
    assert sorted(drawn([2, 3], 4, 20)) == [(i, u) for i in range(5) for u in range(4)]


@pytest.mark.parametrize(("images", "units", "capacity"), [(10, 12, 35), (50, 3, 35), (7, 100, 70)])
def test_images_are_represented_evenly(images, units, capacity):
    kept = drawn([images], units, capacity)
    counts = np.bincount([image for image, _ in kept], minlength=images)
    assert len(set(kept)) == len(kept) == capacity
    assert counts.max() - counts.min() <= 1


def test_images_with_few_units_leave_their_share_to_others():
    reservoir = Reservoir(10)
    reservoir.offer(1, 2)
    reservoir.offer(1, 100)
    assert np.bincount(reservoir.images(reservoir.order())).tolist() == [2, 8]


def test_units_are_drawn_evenly():
    counts = np.zeros(8)
    for seed in range(400):
        for _, unit in drawn([4], 8, 8, seed):
            counts[unit] += 1
    # 3200 draws over 8 units: a share of 1/8 has a standard deviation of sqrt(3200 * 1/8 * 7/8) = 18.7.
    assert abs(counts - 400).max() < 5 * 18.7


def test_seeds_differ():
    assert drawn([4], 50, 10, 0) != drawn([4], 50, 10, 1)
