"""Real networks and images for tests, read from a data folder that is not part of the project.

The folder is named by the environment variable `SPL_ONNX_DATA`, or is `../shared/data` beside the project.
Preprocessing is written out here on purpose, apart from `spl_onnx.data`, so that it can serve as its oracle.
"""

from __future__ import annotations

import csv
import functools
import lzma
import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
#: Where tests start processes: in the project's own folder Python would find the source tree, which has no
#: compiled module, before the installed package.
ELSEWHERE = tempfile.gettempdir()

IMAGENET = ("googlenet", "squeezenet1.1", "resnet18", "resnet50", "mobilenet_v2")
CIFAR = ("cifar10_resnet20", "cifar10_resnet56", "cifar10_vgg")
CLASSIFIERS = (*IMAGENET, *CIFAR, "mnist_lenet")
DENOISERS = ("dncnn25",)
NETWORKS = (*CLASSIFIERS, *DENOISERS)

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN_BGR = np.array([104.0, 117.0, 123.0], np.float32)
_NOISE = 25.0 / 255.0


def data_root() -> Path:
    """Folder with networks and images; it may not exist."""
    named = os.environ.get("SPL_ONNX_DATA")
    return Path(named) if named else PROJECT.parent / "shared" / "data"


def require(name: str) -> Path:
    """Path of `name` below the data folder; skips the test when it is not there."""
    path = data_root() / name
    if not path.exists():
        pytest.skip(f"test data not found: {name} (set SPL_ONNX_DATA to the data folder)")
    return path


def network_path(name: str) -> Path:
    """File of a network; `resnet50` is stored compressed (`.onnx.xz`)."""
    packed = data_root() / "models" / f"{name}.onnx.xz"
    return packed if packed.exists() else require(f"models/{name}.onnx")


def load_network(name: str) -> onnx.ModelProto:
    """A fresh copy of the network, which the test may change."""
    path = network_path(name)
    return onnx.load_from_string(_unpacked(path)) if path.suffix == ".xz" else onnx.load(path)


@functools.lru_cache(maxsize=1)
def _unpacked(path: Path) -> bytes:
    """A compressed file; unpacking takes seconds."""
    return lzma.open(path).read()


@functools.cache
def images(name: str, count: int = 200, start: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Inputs of network `name`, preprocessed as it was trained, and their classes.

    ImageNet images are taken evenly over the classes, so that a small count is not all animals.

    Returns:
        (x [count, C, H, W] float32, labels [count] int64). Both are shared between tests and read-only.
    """
    if name in IMAGENET:
        x, labels = _imagenet(name, count, start)
    elif name in CIFAR:
        x, labels = _cifar(count, start)
    elif name == "mnist_lenet":
        x, labels = _mnist(count, start)
    else:
        raise KeyError(f"{name} is not a classifier; networks: {', '.join(CLASSIFIERS)}")
    x.flags.writeable = labels.flags.writeable = False
    return x, labels


@functools.cache
def set12() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The denoiser's noisy inputs and the clean images, both [12, 1, 256, 256] float32 in 0..1.

    Noise of sigma 25/255 comes from a fresh `RandomState(0)` for every image.
    """
    clean = []
    for path in sorted(require("set12").glob("*.png")):
        grey = np.asarray(Image.open(path).convert("L"), np.float32)[:256, :256] / 255.0
        clean.append(grey[None])
    y = np.stack(clean).astype(np.float32)
    noise = [np.random.RandomState(0).normal(0.0, _NOISE, item.shape) for item in y]
    return (y + np.stack(noise)).astype(np.float32), y


def _spread(total: int, count: int, start: int) -> list[int]:
    step = max(1, total // count)
    return [(start + i * step) % total for i in range(min(count, total))]


@functools.cache
def _imagenet_pixels(count: int, start: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Centre crops of 224x224 as [count, 224, 224, 3] uint8 RGB, and classes."""
    folder = require("imagenet1k-sample")
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = [rows[i] for i in _spread(len(rows), count, start)]
    pixels = [np.asarray(Image.open(folder / row["file"]).convert("RGB"))[16:240, 16:240] for row in chosen]
    return np.stack(pixels), np.array([int(row["class"]) for row in chosen], np.int64)


def _imagenet(name: str, count: int, start: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    pixels, labels = _imagenet_pixels(count, start)
    if name == "googlenet":
        x = pixels[..., ::-1].astype(np.float32) - _CAFFE_MEAN_BGR
    elif name == "mobilenet_v2":
        x = (pixels.astype(np.float32) - np.float32(128)) / np.float32(128)
    else:
        x = (pixels.astype(np.float32) / np.float32(255) - _IMAGENET_MEAN) / _IMAGENET_STD
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), labels.copy()


def _cifar(count: int, start: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    with np.load(require("cifar10_test1000.npz")) as stored:
        pixels = stored["images"][start : start + count]
        labels = stored["labels"][start : start + count].astype(np.int64)
    x = (pixels.astype(np.float32) / np.float32(255) - _IMAGENET_MEAN) / _IMAGENET_STD
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), labels


def _mnist(count: int, start: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    with np.load(require("mnist_t10k_first2000.npz")) as stored:
        pixels = stored["images"][start : start + count]
        labels = stored["labels"][start : start + count].astype(np.int64)
    return pixels[:, None].astype(np.float32) / np.float32(255), labels
