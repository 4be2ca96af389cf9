"""A random choice of units (places of a layer), drawn while images stream by, even over the images.

Every image puts its units into a random order. The units with the lowest ranks are kept, over all images:
first one of each image, then a second one, and so on. Where ranks tie, chance decides between the images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Taken:
    """Units of a batch that are kept for now.

    Attributes:
        slot: [m] where they are stored; whatever was there is dropped.
        image: [m] their image within the batch.
        unit: [m] their number within the image.
    """

    slot: Ints
    image: Ints
    unit: Ints


class Reservoir:
    """Decides which units are kept, and in which of `capacity` slots.

    Args:
        capacity: Units kept at most.
        seed: Of the random orders.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._keys = np.full(capacity, np.inf)
        self._image = np.zeros(capacity, np.int64)
        self._images = 0

    def __len__(self) -> int:
        return int(np.isfinite(self._keys).sum())

    def offer(self, images: int, units: int) -> Taken:
        """Look at a batch of images that have so many units each."""
        offers = [self._draw(units) for _ in range(images)]
        keys = np.concatenate([self._keys, *(keys for keys, _ in offers)])
        kept = np.sort(np.argsort(keys, kind="stable")[: len(self._keys)])
        capacity = len(self._keys)
        new = kept[kept >= capacity]
        new = new[np.isfinite(keys[new])]
        free = np.setdiff1d(np.arange(capacity), kept)
        image = np.repeat(np.arange(images), [len(keys) for keys, _ in offers])
        unit = np.concatenate([units_of for _, units_of in offers])
        slot, taken = free[: len(new)], new - capacity
        self._keys[slot] = keys[new]
        self._image[slot] = self._images + image[taken]
        self._images += images
        return Taken(slot, image[taken], unit[taken])

    def order(self) -> Ints:
        """Slots in use, in an order that does not depend on the batches."""
        return np.argsort(self._keys, kind="stable")[: len(self)]

    def images(self, slots: Ints) -> Ints:
        """Number of the image that each slot is from."""
        return self._image[slots]

    def _draw(self, units: int) -> tuple[Array, Ints]:
        """Rank plus a fraction that is the image's own, and number, of the units that may be kept."""
        lead = self._rng.random()
        unit = self._rng.permutation(units)[: len(self._keys)]
        return np.arange(len(unit), dtype=np.float64) + lead, unit
