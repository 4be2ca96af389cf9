"""The squared error that computing an output avoids on average, by its score: a rising curve per channel.

A channel with few positive outputs says little about itself. Its curve is drawn towards that of all channels
together, in units of each channel's own prediction error, as if every bin had `PRIOR` more outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spl_onnx.calibrate.isotonic import isotonic

Float = NDArray[np.float32]
Matrix = NDArray[np.float64]

#: Bins of a channel's scores, and the least outputs in a bin.
BINS, BIN_SIZE = 64, 16
#: Outputs that the curve of all channels counts for in each bin.
PRIOR = 32.0
#: Outputs and bins of the curve of all channels.
_POOLED, _POOLED_BINS = 1 << 16, 128
#: Makes curves rise strictly, so that they can be turned around; relative to their highest point.
_RAMP = 1e-9


class Curves:
    """The curves of all channels.

    Args:
        score: [M, O] scores of the predictor.
        gain: [M, O] squared error that computing the output avoids.
        noise: [O] root mean square of the predictor's error, above 0.
    """

    def __init__(self, score: Float, gain: Float, noise: Matrix) -> None:
        order = np.argsort(score, axis=0)
        score, gain = (np.take_along_axis(array, order, axis=0) for array in (score, gain))
        bins = int(np.clip(len(score) // BIN_SIZE, 1, BINS))
        edges = np.linspace(0, len(score), bins + 1).astype(np.int64)
        size = np.diff(edges).astype(np.float64)
        centre, energy = (
            np.add.reduceat(array, edges[:-1], axis=0, dtype=np.float64) for array in (score, gain)
        )
        centre /= size[:, None]
        prior = _Pooled(score, gain, noise).energy(centre / noise) * noise**2
        level = isotonic((energy + PRIOR * prior) / (size[:, None] + PRIOR), size)
        level = np.concatenate([np.zeros_like(level[:1]), level, level[-1:]])
        self._level = level + np.arange(len(level))[:, None] * (_RAMP * level[-1] + np.finfo(np.float32).tiny)
        self._score = np.concatenate([score[:1], centre, score[-1:]])

    def levels(self, score: Float) -> Float:
        """Height of the curves at scores [m, O]: 0 below all that were seen, infinity above."""
        found = np.empty_like(score)
        for channel in range(score.shape[1]):
            x, y = self._score[:, channel], self._level[:, channel]
            found[:, channel] = np.interp(score[:, channel], x, y, left=0.0, right=np.inf)
        return found

    def thresholds(self, level: float) -> Matrix:
        """[O] scores up to which the curves are not above `level`."""
        columns = zip(self._level.T, self._score.T, strict=True)
        return np.array([np.interp(level, y, x) for y, x in columns])


class _Pooled:
    """The curve of all channels in units of their noise.

    Args:
        score: [M, O].
        gain: [M, O].
        noise: [O].
    """

    def __init__(self, score: Float, gain: Float, noise: Matrix) -> None:
        step = max(1, score.size // _POOLED)
        u: Any = (score / noise).reshape(-1)[::step]
        energy = (gain / noise**2).reshape(-1)[::step]
        order = np.argsort(u)
        edges = np.linspace(0, len(u), min(_POOLED_BINS, len(u)) + 1).astype(np.int64)
        size = np.diff(edges)
        self._u = np.add.reduceat(u[order], edges[:-1]) / size
        self._energy = np.maximum.accumulate(np.add.reduceat(energy[order], edges[:-1]) / size)

    def energy(self, u: Matrix) -> Matrix:
        """Squared error avoided at scores `u`, both in units of the noise."""
        return np.asarray(np.interp(u, self._u, self._energy), np.float64)
