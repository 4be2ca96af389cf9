"""AlexNet as torchvision has it ("One weird trick", 2014): no groups, no LRN, 61.1 million parameters."""

from __future__ import annotations

import onnx

from .seeded import SeededNetwork

# (channels, kernel, stride, pad, pooled)
_CONVOLUTIONS = [(64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False), (256, 3, 1, 1, False)]
_CONVOLUTIONS += [(256, 3, 1, 1, True)]


def alexnet(seed: int = 0, batch: int | str = "batch", image_size: int = 224) -> onnx.ModelProto:
    """Five convolutions, three of them pooled 3x3/2, then fully connected 4096, 4096, 1000."""
    net = SeededNetwork("alexnet", (3, image_size, image_size), batch, seed)
    x = net.input
    for channels, kernel, stride, pad, pooled in _CONVOLUTIONS:
        x = net.relu(net.random_conv(x, channels, kernel, stride=stride, pad=pad))
        x = net.max_pool(x, 3, 2) if pooled else x
    return net.finish(net.random_classifier(x))
