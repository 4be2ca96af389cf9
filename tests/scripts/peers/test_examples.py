"""Images for models and images for measurements: none in both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.networks import HEADS, Source, unit
from scripts.peers.examples import read_examples
from tests import datasets


def numbered(total: int, fitted: int = 0, has_classes: bool = True) -> Source:
    """A source whose image and class number i are i."""

    def pixels(root: Path, count: int) -> np.ndarray:
        return np.arange(total, dtype=np.uint8)[:count].reshape(-1, 1, 1, 1)

    def classes(root: Path, count: int) -> np.ndarray:
        return np.arange(total)[:count]

    return Source(pixels, unit, classes if has_classes else None, fitted)


def numbers(images: np.ndarray) -> list[int]:
    return [round(float(value) * 255) for value in images.ravel()]


def test_two_parts() -> None:
    found = read_examples(numbered(20), Path(), seen=4, unseen=3)
    assert numbers(found.seen) == [0, 1, 2, 3] and numbers(found.unseen) == [4, 5, 6]
    assert found.seen_classes is not None and list(found.seen_classes) == [0, 1, 2, 3]
    assert found.classes is not None and list(found.classes) == [4, 5, 6]


def test_as_many_as_there_are() -> None:
    assert numbers(read_examples(numbered(6), Path(), seen=4, unseen=99).unseen) == [4, 5]
    with pytest.raises(ValueError, match="got 4 images, wanted more than 4"):
        read_examples(numbered(4), Path(), seen=4, unseen=99)


@pytest.mark.parametrize(("seen", "first"), [(3, 3), (8, 5)])
def test_what_a_network_was_fitted_on_is_not_measured(seen: int, first: int) -> None:
    found = read_examples(numbered(20, fitted=5), Path(), seen=seen, unseen=2)
    assert numbers(found.seen) == list(range(first)) and numbers(found.unseen) == [5, 6]


def test_without_classes() -> None:
    found = read_examples(numbered(9, has_classes=False), Path(), seen=4, unseen=2)
    assert found.seen_classes is None and found.classes is None


def test_the_head_that_was_fitted_is_right_on_its_images_only() -> None:
    """Every one of the images it was trained on comes first: groups are those of the list, images match."""
    root = datasets.require("imagenet1k_groups.txt").parent
    source = HEADS["vgg16_groups"]
    assert source.labels is not None
    groups = np.loadtxt(root / "imagenet1k_groups.txt", dtype=np.int64)
    labels = source.labels(root, 1000)
    # Rows of the list are in order of their classes, so even classes are those that it was trained on.
    assert sorted(labels[: source.fitted]) == sorted(groups[::2])
    assert sorted(labels[source.fitted :]) == sorted(groups[1::2])
