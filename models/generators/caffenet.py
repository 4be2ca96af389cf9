"""CaffeNet (BVLC reference): AlexNet of 2012 with pooling before LRN, 60.97 million parameters."""

from __future__ import annotations

import onnx

from .seeded import SeededNetwork

# (channels, kernel, stride, pad, group, pooled, normalised)
_CONVOLUTIONS = [
    (96, 11, 4, 0, 1, True, True),
    (256, 5, 1, 2, 2, True, True),
    (384, 3, 1, 1, 1, False, False),
    (384, 3, 1, 1, 2, False, False),
    (256, 3, 1, 1, 2, True, False),
]


def caffenet(seed: int = 0, batch: int | str = "batch", image_size: int = 227) -> onnx.ModelProto:
    """Five convolutions, three of them pooled 3x3/2, two LRNs, then fully connected 4096, 4096, 1000."""
    net = SeededNetwork("caffenet", (3, image_size, image_size), batch, seed)
    x = net.input
    for channels, kernel, stride, pad, group, pooled, normalised in _CONVOLUTIONS:
        x = net.relu(net.random_conv(x, channels, kernel, stride=stride, pad=pad, group=group))
        x = net.max_pool(x, 3, 2) if pooled else x
        x = net.local_response_norm(x) if normalised else x
    return net.finish(net.random_classifier(x))
