"""A folder of images with `labels.csv`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.data.inputs import InputSpec, shape_text
from spl_onnx.data.labels import read_labels
from spl_onnx.data.preprocess import Preprocess, load_pixels, normalise
from spl_onnx.data.reader import Feeds, Reader
from spl_onnx.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".webp")


class ImageFolderReader(Reader):
    """Images of a folder, decoded batch by batch.

    With `labels.csv` (columns `file` and `class`) its rows say which files are read and what they show;
    without it all images are read in order of their names, and there are no labels. A `limit` takes rows
    spread evenly over the list, because such lists are often sorted by class.
    """

    def __init__(
        self, folder: Path, spec: InputSpec, preprocess: Preprocess, batch: int, limit: int | None = None
    ) -> None:
        """Read the list of files.

        Args:
            folder: the folder.
            spec: the model's image input, float32 [N, 1 or 3, H, W] with H and W known.
            preprocess: pixels to input.
            batch: images per batch.
            limit: number of images, or None for all.

        Raises:
            DataError: the folder has no images, the list is malformed, or the input is not an image.
        """
        super().__init__()
        self._folder, self._preprocess, self._batch = folder, preprocess, batch
        self._name = spec.name
        self._channels, self._size = _image_size(spec)
        self._files, self._labels = _listed(folder)
        if limit is not None and limit < len(self._files):
            chosen = [i * len(self._files) // limit for i in range(limit)]
            self._files = [self._files[i] for i in chosen]
            self._labels = None if self._labels is None else self._labels[chosen]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    def batches(self) -> Iterator[tuple[Feeds, Array | None]]:
        """Yield ({input: [n, C, H, W] float32}, classes [n] int64 or None)."""
        for start in range(0, len(self._files), self._batch):
            part = slice(start, start + self._batch)
            pixels = np.stack([self._load(file) for file in self._files[part]])
            labels = None if self._labels is None else self._labels[part]
            yield {self._name: normalise(pixels, self._preprocess)}, labels

    def _load(self, file: str) -> NDArray[np.uint8]:
        return load_pixels(self._folder / file, self._channels, self._size, self._preprocess.resize)


def _image_size(spec: InputSpec) -> tuple[int, tuple[int, int]]:
    """Channels and (height, width) of an image input."""
    shape = spec.shape or ()
    if spec.dtype != np.float32 or len(shape) != 4 or shape[1] not in (1, 3):
        raise DataError(
            f"input {spec.name!r} takes {spec.words()}, "
            "an image folder needs float32 [N, 1 or 3, H, W]: use .npz data"
        )
    channels, height, width = shape[1:]
    if channels is None or height is None or width is None:
        raise DataError(
            f"input {spec.name!r} has a free image size {shape_text(shape)}: "
            f"give one with --input-shape {spec.name}:1,{shape[1]},224,224"
        )
    return channels, (height, width)


def _is_image(path: Path) -> bool:
    """Whether a file has the name of an image; hidden ones are notes of systems, as macOS leaves them."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _listed(folder: Path) -> tuple[list[str], NDArray[np.int64] | None]:
    """File names and classes of a folder."""
    table = folder / "labels.csv"
    if not table.is_file():
        files = sorted(path.name for path in folder.iterdir() if _is_image(path))
        if not files:
            suffixes = ", ".join(IMAGE_SUFFIXES)
            raise DataError(f"{folder}: got no images, wanted labels.csv or {suffixes} files")
        return files, None
    return read_labels(table)
