"""Engines that compute nothing, for processes of `scripts.peers.child`, and images for them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.peers.engines import Array, Setup

_HERE = "tests.scripts.peers.fakes"
ECHO, SLOW, REFUSES, DIES = (f"{_HERE}:{name}" for name in ("Echo", "Slow", "Refuses", "Dies"))
SLOW_MS = 20.0


class Echo:
    """Gives its images back as scores of classes, and prints where answers would be expected."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def run(self, images: Array) -> Array:
        print("a library talks")
        assert len(images) == self._setup.batch
        return images.reshape(len(images), -1)

    def says(self) -> Mapping[str, str]:
        return {"precision": str(self._setup.precision), "variable": os.environ.get("FAKE", "")}


class Slow(Echo):
    """Takes `SLOW_MS`, and decides for the next class."""

    def run(self, images: Array) -> Array:
        time.sleep(SLOW_MS / 1e3)
        return np.roll(super().run(images), 1, axis=1)


class Refuses(Echo):
    """Cannot be opened."""

    def __init__(self, setup: Setup) -> None:
        raise ValueError(f"no such\nmodel: {Path(setup.model).name}")


class Dies(Echo):
    """Ends its process in the first run."""

    def run(self, images: Array) -> Array:
        print("fake: out of luck", file=sys.stderr, flush=True)
        os._exit(7)


def one_hot(folder: Path, classes: list[int]) -> Path:
    """A file of images [n, 1, 1, 4] that `Echo` decides on as `classes` say."""
    path = folder / "images.npy"
    np.save(path, np.eye(4, dtype=np.float32)[classes].reshape(-1, 1, 1, 4))
    return path
