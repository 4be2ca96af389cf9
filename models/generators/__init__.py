"""Classic networks with seeded weights, for tests of structure and speed, never of accuracy."""

from __future__ import annotations

from .alexnet import alexnet
from .caffenet import caffenet
from .resnet50 import resnet50
from .vgg16 import vgg16

GENERATORS = {"alexnet": alexnet, "caffenet": caffenet, "resnet50": resnet50, "vgg16": vgg16}

__all__ = ["GENERATORS", "alexnet", "caffenet", "resnet50", "vgg16"]
