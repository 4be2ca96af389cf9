"""ResNet-50 v1.5 (stride in a bottleneck's 3x3 convolution, as torchvision), 25.56 million parameters.

BatchNormalization stays a node of its own, so that folding is exercised too.
"""

from __future__ import annotations

import onnx

from .seeded import SeededNetwork

_STAGES = [(64, 3), (128, 4), (256, 6), (512, 3)]  # (width of the 3x3 convolution, blocks)
_EXPANSION = 4
# Scale of a block's last normalisation: 16 sums of full-sized branches would grow the variance 2^16-fold.
_BRANCH_GAIN = 0.3


def resnet50(seed: int = 0, batch: int | str = "batch", image_size: int = 224) -> onnx.ModelProto:
    """7x7 stem, sixteen bottleneck blocks in four stages, global average, fully connected 1000."""
    net = SeededNetwork("resnet50", (3, image_size, image_size), batch, seed)
    x = net.relu(_conv_norm(net, net.input, 64, 7, stride=2))
    x = net.max_pool(x, 3, 2, pad=1)
    for stage, (width, blocks) in enumerate(_STAGES):
        for block in range(blocks):
            x = _bottleneck(net, x, width, stride=2 if stage > 0 and block == 0 else 1)
    return net.finish(net.random_gemm(net.flatten(net.global_average_pool(x)), 1000))


def _bottleneck(net: SeededNetwork, x: str, width: int, stride: int) -> str:
    channels = width * _EXPANSION
    branch = net.relu(_conv_norm(net, x, width, 1))
    branch = net.relu(_conv_norm(net, branch, width, 3, stride=stride))
    branch = _conv_norm(net, branch, channels, 1, gain=_BRANCH_GAIN)
    same_shape = stride == 1 and net.shape(x)[0] == channels
    shortcut = x if same_shape else _conv_norm(net, x, channels, 1, stride=stride)
    return net.relu(net.add(branch, shortcut))


def _conv_norm(
    net: SeededNetwork, x: str, channels: int, kernel: int, *, stride: int = 1, gain: float = 1.0
) -> str:
    x = net.random_conv(x, channels, kernel, stride=stride, pad=kernel // 2, bias=False)
    return net.random_batch_norm(x, gain)
