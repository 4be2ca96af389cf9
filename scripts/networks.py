"""The networks that are measured, and their images as they were trained.

They come from the data folder (`SPL_ONNX_DATA`, else `../shared/data` beside the project); AlexNet and VGG-16
are generated, with the zeros of the trained ones, see `models/generators/profiles.py`.
"""

from __future__ import annotations

import csv
import lzma
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image

from models.generators import profiles

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

_CALIBRATION = 8
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NOISE = 25.0 / 255.0


def imagenet(x: Pixels) -> Array:
    """RGB / 255, ImageNet's mean and deviation."""
    return ((x / np.float32(255) - np.float32(_MEAN)) / np.float32(_STD)).astype(np.float32)


def caffe(x: Pixels) -> Array:
    """BGR minus the mean."""
    return x[..., ::-1].astype(np.float32) - np.float32((104, 117, 123))


def vgg(x: Pixels) -> Array:
    """BGR minus the mean, as VGG-16 was trained."""
    return x[..., ::-1].astype(np.float32) - np.float32((103.939, 116.779, 123.68))


def half_range(x: Pixels) -> Array:
    """-1 to 1."""
    return (x.astype(np.float32) - 128) / np.float32(128)


def unit(x: Pixels) -> Array:
    """0 to 1."""
    return x.astype(np.float32) / np.float32(255)


def noisy(x: Pixels) -> Array:
    """0 to 1, with the noise that the denoiser was trained for."""
    return unit(x) + np.random.default_rng(0).normal(0.0, _NOISE, x.shape).astype(np.float32)


@dataclass(frozen=True)
class Source:
    """Where the images of a network come from and what becomes of them.

    Attributes:
        pixels: gives [count, H, W, C] uint8.
        prepare: to float32, channels still last.
        labels: gives the class numbers of the same images, [count]; None where they have none.
        fitted: so many of the first images were trained on; what is right is told on others only.
    """

    pixels: Callable[[Path, int], Pixels]
    prepare: Callable[[Pixels], Array]
    labels: Callable[[Path, int], Labels] | None = None
    fitted: int = 0

    def images(self, root: Path, count: int) -> Array:
        """[up to count, C, H, W] float32."""
        return np.ascontiguousarray(self.prepare(self.pixels(root, count)).transpose(0, 3, 1, 2))


def photographs(root: Path, count: int) -> Pixels:
    """Centre crops of 224, spread over the classes."""
    return _crops(root, _spread(_photograph_rows(root))[:count])


def photograph_classes(root: Path, count: int) -> Labels:
    """Classes of `photographs`."""
    return _classes(_spread(_photograph_rows(root))[:count])


def group_photographs(root: Path, count: int) -> Pixels:
    """The same images: every other one, which the head of `vgg16_groups` was trained on, before the rest."""
    return _crops(root, _halves(root)[:count])


def groups(root: Path, count: int) -> Labels:
    """Groups of ImageNet's classes, of `group_photographs`."""
    of_class = np.loadtxt(root / "imagenet1k_groups.txt", dtype=np.int64)
    return np.asarray(of_class[_classes(_halves(root)[:count])])


Rows = list[dict[str, str]]


def _photograph_rows(root: Path) -> Rows:
    with (root / "imagenet1k-sample" / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _spread(rows: Rows) -> Rows:
    """In golden-ratio steps: every part of the list has all kinds of classes."""
    return [rows[i] for i in np.argsort((np.arange(len(rows)) * 0.6180339887) % 1.0)]


def _halves(root: Path) -> Rows:
    rows = _photograph_rows(root)
    return _spread(rows[::2]) + _spread(rows[1::2])


def _crops(root: Path, rows: Rows) -> Pixels:
    paths = [root / "imagenet1k-sample" / row["file"] for row in rows]
    return np.stack([np.asarray(Image.open(path).convert("RGB"))[16:240, 16:240] for path in paths])


def _classes(rows: Rows) -> Labels:
    return np.array([int(row["class"]) for row in rows])


def stored(file: str) -> Callable[[Path, int], Pixels]:
    """Images of an .npz file."""

    def read(root: Path, count: int) -> Pixels:
        with np.load(root / file) as content:
            pixels = content["images"][:count]
        return pixels if pixels.ndim == 4 else pixels[..., None]

    return read


def stored_classes(file: str) -> Callable[[Path, int], Labels]:
    """Classes of the images of an .npz file."""

    def read(root: Path, count: int) -> Labels:
        with np.load(root / file) as content:
            return np.asarray(content["labels"][:count], np.int64)

    return read


def grey_crops(root: Path, count: int) -> Pixels:
    """96 x 96 pieces of the grey test images."""
    images = [np.asarray(Image.open(path).convert("L")) for path in sorted((root / "set12").glob("*.png"))]
    places = np.random.default_rng(0).integers(0, 160, (count, 2))
    crops = [images[i % len(images)][y : y + 96, x : x + 96] for i, (y, x) in enumerate(places)]
    return np.stack(crops)[..., None]


_CIFAR, _MNIST = "cifar10_test1000.npz", "mnist_t10k_first2000.npz"
PHOTOGRAPHS = Source(photographs, imagenet, photograph_classes)
CIFAR = Source(stored(_CIFAR), imagenet, stored_classes(_CIFAR))
#: AlexNet and VGG-16 have random weights, so no labels are right for them.
GENERATED = Source(photographs, imagenet)
NETWORKS = {
    "googlenet": Source(photographs, caffe, photograph_classes),
    "resnet18": PHOTOGRAPHS,
    "resnet50": PHOTOGRAPHS,
    "squeezenet1.1": PHOTOGRAPHS,
    "mobilenet_v2": Source(photographs, half_range, photograph_classes),
    "alexnet": GENERATED,
    "vgg16": GENERATED,
    "cifar10_resnet20": CIFAR,
    "cifar10_resnet56": CIFAR,
    "cifar10_vgg": CIFAR,
    "mnist_lenet": Source(stored(_MNIST), unit, stored_classes(_MNIST)),
    "dncnn25": Source(grey_crops, noisy),
}
#: A network whose first images were trained on: for measurements that keep to `fitted`.
HEADS = {"vgg16_groups": Source(group_photographs, vgg, groups, fitted=500)}


def load(name: str, root: Path, images: Array) -> onnx.ModelProto:
    """A network of the data folder, or a generated one whose zeros are calibrated on the images."""
    if name in profiles.NAMES:
        return profiles.calibrated(name, images[:_CALIBRATION])
    packed = root / "models" / f"{name}.onnx.xz"
    if packed.is_file():
        return onnx.load_from_string(lzma.open(packed).read())
    return onnx.load(root / "models" / f"{name}.onnx")


def data_folder(given: Path | None) -> Path:
    """The folder of networks and images."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return given or Path(os.environ.get("SPL_ONNX_DATA", beside))
