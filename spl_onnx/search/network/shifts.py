"""What a site's bias must be shifted by, so that on average its sums are as in the exact network.

Outputs that become 0 were above 0, so the layers behind get less than they did. The mean of what is missing
is known from data and goes into their bias, filter by filter, from the first layer to the last. (Nagel et
al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, for rounding errors.)
Padding counts as inside: at the border of an image a little too much is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spl_onnx.data.reader import Feeds

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Means:
    """Means of the channels of what a site reads, over all samples and places.

    Attributes:
        x: of the input, [C].
        r: of the residual, [O]; None without one.
    """

    x: Vector
    r: Vector | None


def means(states: list[Feeds], x: str, r: str | None) -> Means:
    """The means of a site.

    Args:
        states: of all batches, before the site.
        x: its input, [..., C].
        r: its residual, [..., O], or None.
    """
    return Means(_mean(states, x), None if r is None else _mean(states, r))


def _mean(states: list[Feeds], name: str) -> Vector:
    channels = states[0][name].shape[-1]
    total, rows = np.zeros(channels), 0
    for state in states:
        values = state[name].reshape(-1, channels)
        total += values.sum(axis=0, dtype=np.float64)
        rows += len(values)
    return np.asarray(total / max(rows, 1))


def channel_sums(w: NDArray[Any], inputs: int) -> Vector:
    """What every input channel adds to every output per unit: weights summed over the kernel.

    Args:
        w: [O, kH, kW, C / group] or [O, K].
        inputs: channels C (or K) of the input.

    Returns:
        [O, C]; 0 for channels of other groups.
    """
    outputs, width = w.shape[0], w.shape[-1]
    summed = w.reshape(outputs, -1, width).sum(axis=1, dtype=np.float64)
    groups = inputs // width
    if groups == 1:
        return np.asarray(summed)
    spread = np.zeros((outputs, inputs))
    each = outputs // groups
    for group in range(groups):
        rows = slice(group * each, (group + 1) * each)
        spread[rows, group * width : (group + 1) * width] = summed[rows]
    return spread


def shift(sums: Vector, exact: Means, now: Means) -> NDArray[np.float32] | None:
    """What is missing from the sums of a site, [O]; None where nothing is."""
    missing = sums @ (exact.x - now.x)
    if exact.r is not None and now.r is not None:
        missing = missing + (exact.r - now.r)
    found = missing.astype(np.float32)
    return found if found.any() else None
