"""VGG-16 (configuration D, 2014) without batch normalisation, 138.36 million parameters."""

from __future__ import annotations

import onnx

from .seeded import SeededNetwork

_STAGES = [
    (64, 2),
    (128, 2),
    (256, 3),
    (512, 3),
    (512, 3),
]  # (channels, convolutions); a 2x2 pool ends each stage


def vgg16(seed: int = 0, batch: int | str = "batch", image_size: int = 224) -> onnx.ModelProto:
    """Thirteen 3x3 convolutions in five pooled stages, then fully connected 4096, 4096, 1000."""
    net = SeededNetwork("vgg16", (3, image_size, image_size), batch, seed)
    x = net.input
    for channels, convolutions in _STAGES:
        for _ in range(convolutions):
            x = net.relu(net.random_conv(x, channels, 3, pad=1))
        x = net.max_pool(x, 2, 2)
    return net.finish(net.random_classifier(x))
