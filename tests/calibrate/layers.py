"""Layers for tests of the calibration: all of their outputs sampled, and synthetic ones."""

from __future__ import annotations

import numpy as np

from spl_onnx.calibrate.samples import SampleCollector, SiteSamples
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from tests.spec.cases import ConvCase, GemmCase

#: More windows than the layers of `tests.spec.cases` have blocks, of up to 9 windows each.
EVERYTHING = 9 * 1000


def everything(case: ConvCase, residual: bool = True) -> SiteSamples:
    """Every block of every image of a layer."""
    collector = SampleCollector(case.geometry, case.pooling, case.w.shape, count=EVERYTHING)
    collector.add(case.x, case.r if residual else None)
    return collector.finish()


def every_row(case: GemmCase) -> SiteSamples:
    """Every row of a matrix."""
    collector = SampleCollector(None, None, case.w.shape, count=EVERYTHING)
    collector.add(case.x, case.r)
    return collector.finish()


def synthetic(seed: int = 0, count: int = 2304, images: int = 16, weights_seed: int = 0) -> ConvCase:
    """A ReLU layer whose inputs are half zeros and differ in size from channel to channel.

    Args:
        seed: Of the images.
        count: Places in all images.
        images: Images.
        weights_seed: Of the layer.
    """
    rng = np.random.default_rng(100 + weights_seed)
    channels, outputs, side = 8, 24, int(np.sqrt(count / images))
    w = rng.standard_t(4, (outputs, 3, 3, channels)) / np.sqrt(9 * channels)
    b = 0.5 * rng.standard_normal(outputs) - 0.5
    size = rng.uniform(0.2, 2, channels)
    x = np.maximum(np.random.default_rng(seed).standard_normal((images, side, side, channels)), 0) * size
    arrays = (a.astype(np.float32) for a in (x, w, b, np.zeros((images, side, side, outputs))))
    return ConvCase(*arrays, ConvGeometry(pads=(1, 1, 1, 1)), Pooling.none(), Activation.relu())
