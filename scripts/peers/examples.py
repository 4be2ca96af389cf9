"""Images of a network in two parts: those that models are made with, and those that they are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scripts.networks import Array, Labels, Source


@dataclass(frozen=True)
class Examples:
    """Images [n, C, H, W] float32 and their classes [n], None where they have none.

    Attributes:
        seen: for calibration and for searches.
        seen_classes: of those.
        unseen: for times and decisions.
        classes: of those.
    """

    seen: Array
    seen_classes: Labels | None
    unseen: Array
    classes: Labels | None


def read_examples(source: Source, root: Path, seen: int, unseen: int) -> Examples:
    """Two parts with no image in both.

    Args:
        source: of the network.
        root: the data folder.
        seen: images of the first part; not more than the network was itself fitted on, where it was.
        unseen: images of the second part, or as many as there are.

    Raises:
        ValueError: there are too few images for a second part.
    """
    first = min(seen, source.fitted) if source.fitted else seen
    start = max(first, source.fitted)
    images = source.images(root, start + unseen)
    if len(images) <= start:
        raise ValueError(f"got {len(images)} images, wanted more than {start}, which are seen before")
    classes = None if source.labels is None else source.labels(root, start + unseen)
    if classes is None:
        return Examples(images[:first], None, images[start:], None)
    return Examples(images[:first], classes[:first], images[start:], classes[start:])
