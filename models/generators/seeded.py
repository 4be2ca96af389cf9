"""Layers with weights drawn from a seed: He initialisation, so that signals keep their size with depth.

The networks built with it have the shapes of the trained ones but know nothing: they serve tests of structure
and of speed, never of accuracy.
"""

from __future__ import annotations

import numpy as np

from .builder import Float, GraphBuilder, Shape


class SeededNetwork(GraphBuilder):
    """A GraphBuilder that makes its own weights."""

    def __init__(self, name: str, image: Shape, batch: int | str = "batch", seed: int = 0) -> None:
        """Starts a network; equal seeds give equal bytes."""
        super().__init__(name, image, batch)
        self._random = np.random.default_rng(seed)

    def random_conv(
        self,
        x: str,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
        bias: bool = True,
    ) -> str:
        """Convolution to `channels` outputs with random weights."""
        weight = self._he((channels, self.shape(x)[0] // group, kernel, kernel))
        return self.conv(
            x, weight, self._bias(channels) if bias else None, stride=stride, pad=pad, group=group
        )

    def random_gemm(self, x: str, outputs: int) -> str:
        """Fully connected layer to `outputs` values with random weights."""
        return self.gemm(x, self._he((outputs, self.shape(x)[0])), self._bias(outputs))

    def random_batch_norm(self, x: str, gain: float = 1.0) -> str:
        """Batch normalisation whose statistics differ per channel; `gain` multiplies the mean scale."""
        channels = self.shape(x)[0]
        scale = self._random.uniform(0.7, 1.3, channels) * gain
        shift, mean = self._random.normal(0.0, 0.1, (2, channels))
        variance = self._random.uniform(0.7, 1.3, channels)
        return self.batch_norm(x, *(np.asarray(a, np.float32) for a in (scale, shift, mean, variance)))

    def random_classifier(self, x: str) -> str:
        """The head AlexNet and VGG share: fully connected 4096, 4096, 1000 on the flattened image."""
        x = self.flatten(x)
        for outputs in (4096, 4096):
            x = self.relu(self.random_gemm(x, outputs))
        return self.random_gemm(x, 1000)

    def _he(self, shape: Shape) -> Float:
        weight = self._random.standard_normal(shape, dtype=np.float32)
        weight *= np.float32(np.sqrt(2.0 / np.prod(shape[1:])))
        return weight

    def _bias(self, channels: int) -> Float:
        return np.asarray(self._random.normal(0.0, 0.05, channels), np.float32)
