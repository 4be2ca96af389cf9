"""Shares of zeros of the trained AlexNet and VGG-16, for `calibrate_zero_share`.

Read in a source:

- AlexNet, conv1 to conv4: 1 - the density of the inputs of conv2 to conv5 (0.6, 0.275, 0.207, 0.23) in the
  Eyeriss workloads of the Sparseloop artifact (Wu et al., MICRO 2022; repository
  Accelergy-Project/micro22-sparseloop-artifact, folder table7_eyeriss_setup), which models the chip of Chen,
  Krishna, Emer, Sze, "Eyeriss", IEEE JSSC 52 (2017). For conv1 and conv2 they lie behind the pooling.

Not read in a source, because none that lists them could be opened: remembered, rounded to five hundredths,
good enough for the density of a benchmark and not to be quoted. The tables they are remembered from:

- VGG-16, convolutions: Hu, Peng, Tai, Tang, "Network Trimming", arXiv 1607.03250, mean share of zeros (APoZ)
  behind each ReLU.
- AlexNet, conv5, and the fully connected layers of both: Han et al., "EIE", ISCA 2016, density of the inputs
  of fc6 (behind the pooling of conv5), fc7 and fc8.

AlexNet there is the network of 2012, here the similar one of 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from .alexnet import alexnet
from .builder import Float
from .vgg16 import vgg16
from .zero_share import calibrate_zero_share


@dataclass(frozen=True)
class ZeroProfile:
    """Zeros of a trained network.

    Attributes:
        shares: share of zeros behind every ReLU, in graph order.
        behind_pooling: ReLUs whose share was counted behind their pooling.
    """

    shares: tuple[float, ...]
    behind_pooling: frozenset[int] = frozenset()


ALEXNET = ZeroProfile((0.40, 0.725, 0.793, 0.77, 0.65, 0.65, 0.60), frozenset({0, 1, 4}))
VGG16 = ZeroProfile(
    (0.45, 0.30, 0.35, 0.50, 0.45, 0.50, 0.70, 0.65, 0.70, 0.85, 0.75, 0.80, 0.95, 0.60, 0.60)
)

_CLASSIC = {"alexnet": (alexnet, ALEXNET), "vgg16": (vgg16, VGG16)}
NAMES = tuple(_CLASSIC)


def calibrated(name: str, images: Float, seed: int = 0) -> onnx.ModelProto:
    """A generated network with the zeros of the trained one.

    Args:
        name: alexnet or vgg16.
        images: [N, 3, H, W], at least two; on them the shares are met.
        seed: of the weights.
    """
    make, profile = _CLASSIC[name]
    model = make(seed, image_size=images.shape[2])
    return calibrate_zero_share(model, profile.shares, np.asarray(images), profile.behind_pooling)
