"""What a site's bias is shifted by: where it counts, sums are then on average those of the exact network.

Outputs that become 0 were above 0, so the layers behind get less than they did. What is missing on average is
known from samples and goes into their bias, filter by filter, from the first layer to the last. (Nagel et
al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, for rounding errors.)

The average is taken where the exact sum is above 0: elsewhere the activation gives 0 anyway. With averages
over all places GoogLeNet was worse than without a shift; with those that count its decisions came back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Feeds
from spl_onnx.spec.attributes import ConvGeometry
from spl_onnx.spec.shapes import conv_direction

Float = NDArray[np.float32]

#: Places that a site is probed at.
PLACES = 384
#: A filter that counts at fewer places than this is shifted by a part only.
_SURE = 16


@dataclass(frozen=True)
class Probe:
    """Sums of a site at the same random places of the same samples, whatever the network before it does.

    Attributes:
        w: weights, [O, kH, kW, C / group] or [O, K].
        geometry: of the convolution; None for matrices.
        x: name of the input.
        r: name of the residual, which has the shape of the sums; or None.
    """

    w: Array
    geometry: ConvGeometry | None
    x: str
    r: str | None

    def sums(self, states: list[Feeds]) -> Float:
        """The sums without bias, [places, O].

        Args:
            states: of all batches, before the site; the input is [N, H, W, C] or [..., K].
        """
        each = -(-PLACES // len(states))
        w = self.w if self.geometry else self.w.reshape(self.w.shape[0], 1, 1, -1)
        parts = [self._batch(state, w.shape[1:3], each, seed) for seed, state in enumerate(states)]
        # One product for all batches: many small ones spend their time in waking threads.
        found = products(np.concatenate([inputs for inputs, _ in parts]), w)
        if parts[0][1] is not None:
            found += np.concatenate([r for _, r in parts if r is not None])
        return found

    def _batch(
        self, state: Feeds, kernel: tuple[int, ...], count: int, seed: int
    ) -> tuple[Array, Array | None]:
        """Inputs [count, kH, kW, C] and residuals [count, O] of random places of a batch."""
        x = state[self.x]
        geometry = self.geometry or ConvGeometry()
        if self.geometry is None:
            x = x.reshape(-1, 1, 1, x.shape[-1])
        sizes = tuple(conv_direction(i, x.shape[1 + i], kernel, geometry) for i in (0, 1))
        random = np.random.default_rng(seed)
        image, row, column = (random.integers(0, size, count) for size in (len(x), *sizes))
        inputs = patches(x, image, row, column, kernel, geometry)
        if self.r is None:
            return inputs, None
        return inputs, state[self.r].reshape(len(x), *sizes, -1)[image, row, column]


def patches(
    x: Array, image: Array, row: Array, column: Array, kernel: tuple[int, ...], geometry: ConvGeometry
) -> Array:
    """Inputs of places of a convolution, [n, kH, kW, C]; padding is 0.

    Args:
        x: [N, H, W, C].
        image: [n] sample of each place.
        row: [n] row of each place in the output.
        column: [n] column of each place in the output.
        kernel: kH, kW.
        geometry: of the convolution.
    """
    taps, inside = [], []
    for i, place in enumerate((row, column)):
        reach = np.arange(kernel[i]) * geometry.dilations[i]
        at = (place * geometry.strides[i] - geometry.pads[i])[:, None] + reach
        inside.append((at >= 0) & (at < x.shape[1 + i]))
        taps.append(np.clip(at, 0, x.shape[1 + i] - 1))
    values = x[image[:, None, None], taps[0][:, :, None], taps[1][:, None, :]]
    values[~(inside[0][:, :, None] & inside[1][:, None, :])] = 0
    return values


def products(inputs: Array, w: Array) -> Float:
    """Sums of patches with filters, [n, O].

    Args:
        inputs: [n, kH, kW, C].
        w: [O, kH, kW, C / group].
    """
    width = w.shape[-1]
    groups = inputs.shape[-1] // width
    each = len(w) // groups
    parts = [
        inputs[..., g * width : (g + 1) * width].reshape(len(inputs), -1)
        @ w[g * each : (g + 1) * each].reshape(each, -1).T
        for g in range(groups)
    ]
    return np.asarray(np.concatenate(parts, axis=1), np.float32)


def shift(exact: Float, now: Float, bias: Array | None, clip_min: float) -> Float | None:
    """What is missing from the sums of a site, [O]; None where nothing is.

    Args:
        exact: sums without bias in the exact network, [places, O].
        now: the same with what the sites before it have become.
        bias: of the site, [O], or None.
        clip_min: of the site; without an activation every place counts.
    """
    missing = exact - now
    if not missing.any():
        return None
    counts = exact + (0.0 if bias is None else bias) > clip_min
    places = counts.sum(axis=0)
    found = (missing * counts).sum(axis=0, dtype=np.float64) / np.maximum(places, _SURE)
    return np.asarray(found, np.float32) if found.any() else None
