"""Which inputs a convolution can do without, and the weights that make up for them, by least squares.

The convolution is seen as a matrix: patches x [kH * kW * C] of its input to outputs y [O]. From sums over
many patches (the normal equations) follows the weight that comes nearest to y with any part of the channels:
with A = cov(x, x) + ridge and B = cov(x, y) it is W = A^-1 B on the kept rows and columns. Dropping the rows
R of channels from a solved problem costs the squared error

    trace(W_R' ((A^-1)_RR)^-1 W_R)

which is used twice: to find the channel that costs least, and to update W and A^-1 without solving again.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Ridges that fits try, relative to the mean variance of an input.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
#: Keeps channels that are never active from making a matrix singular.
_FLOOR = 1e-12

Float = NDArray[np.float32]
Double = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """Kernel, strides and pads (top, left, bottom, right) of a convolution."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]

    @property
    def taps(self) -> int:
        """Places of the kernel."""
        return self.kernel[0] * self.kernel[1]


def patches(x: Float, window: Window, rows: Index, columns: Index) -> Float:
    """What the kernel sees at some output places.

    Args:
        x: [n, C, H, W].
        window: the convolution's.
        rows: [m] output rows.
        columns: [m] output columns.

    Returns:
        [n * m, C * kH * kW], a channel's values side by side.
    """
    top, left, bottom, right = window.pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, window.kernel, axis=(2, 3))
    chosen = seen[:, :, rows * window.strides[0], columns * window.strides[1]]
    count, channels, places = chosen.shape[:3]
    return np.ascontiguousarray(chosen.transpose(0, 2, 1, 3, 4)).reshape(
        count * places, channels * window.taps
    )


class NormalEquations:
    """Sums over patches, from which any least-squares problem on some of the channels can be solved.

    Args:
        channels: inputs of the convolution.
        taps: values of one channel in a patch.
        outputs: outputs of the convolution.
    """

    def __init__(self, channels: int, taps: int, outputs: int) -> None:
        size = channels * taps
        self.channels, self.taps = channels, taps
        self.count = 0
        self._x, self._y = np.zeros(size), np.zeros(outputs)
        self._xx, self._xy = np.zeros((size, size)), np.zeros((size, outputs))
        self._yy, self._reference, self._reference_squares = 0.0, np.zeros(outputs), 0.0

    def add(self, x: Float, y: Float, reference: Float) -> None:
        """Add patches x [m, C * taps], wanted outputs y [m, O] and what errors are relative to [m, O]."""
        self.count += len(x)
        self._x += x.sum(axis=0, dtype=np.float64)
        self._y += y.sum(axis=0, dtype=np.float64)
        self._xx += x.T @ x
        self._xy += x.T @ y
        self._yy += float(np.square(y, dtype=np.float64).sum())
        self._reference += reference.sum(axis=0, dtype=np.float64)
        self._reference_squares += float(np.square(reference, dtype=np.float64).sum())

    def covariances(self, ridge: float) -> tuple[Double, Double]:
        """cov(x, x) + ridge * its mean diagonal, and cov(x, y)."""
        a = self._xx / self.count - np.outer(self._x, self._x) / self.count**2
        b = self._xy / self.count - np.outer(self._x, self._y) / self.count**2
        a[np.diag_indices_from(a)] += ridge * np.trace(a) / len(a) + _FLOOR
        return a, b

    def reference_variance(self) -> float:
        """Variance of the reference, summed over outputs."""
        mean = self._reference / self.count
        return self._reference_squares / self.count - float(mean @ mean)

    def __add__(self, other: NormalEquations) -> NormalEquations:
        """The equations over the patches of both."""
        total = copy.copy(self)
        for name, value in vars(other).items():
            if name not in ("channels", "taps"):
                setattr(total, name, getattr(self, name) + value)
        return total

    def fit(self, old: Double, ridge: float) -> Double:
        """The best weight [C * taps, O]; the ridge draws it to `old`."""
        a, b = self.covariances(0.0)
        wanted = b - a @ old
        a[np.diag_indices_from(a)] += ridge * np.trace(a) / len(a) + _FLOOR
        return np.asarray(old + np.linalg.solve(a, wanted))

    def bias(self, weight: Double) -> Double:
        """The best bias [O] beside a weight."""
        return np.asarray((self._y - self._x @ weight) / self.count)

    def relative_error(self, weight: Double) -> float:
        """Squared error of a weight with its best bias, relative to the variance of the reference."""
        a, b = self.covariances(0.0)
        mean = self._y / self.count
        wanted = self._yy / self.count - float(mean @ mean)
        error = wanted - 2 * float(np.sum(weight * b)) + float(np.sum(weight * (a @ weight)))
        return error / max(self.reference_variance(), 1e-30)


def best_fit(halves: tuple[NormalEquations, NormalEquations], old: Double) -> tuple[Double, Double]:
    """Weight [C * taps, O] and bias [O], with the ridge under which each half explains the other best."""

    def across(ridge: float) -> float:
        return sum(test.relative_error(learn.fit(old, ridge)) for learn, test in (halves, halves[::-1]))

    together = halves[0] + halves[1]
    weight = together.fit(old, min(RIDGES, key=across))
    return weight, together.bias(weight)


def rows_of(channels: Index, taps: int) -> Index:
    """Rows of some channels in a patch."""
    return np.asarray((channels[:, None] * taps + np.arange(taps)).reshape(-1), np.int64)


@dataclass(frozen=True)
class Elimination:
    """The order in which channels are dropped.

    Attributes:
        order: [d] channels, the first one first.
        errors: [d] relative squared error of the best weight once a channel and all before it are gone.
    """

    order: Index
    errors: Double


def eliminate(equations: NormalEquations, keep: int, ridge: float, step: int = 1) -> Elimination:
    """Drop the channels that cost least, one after another, down to `keep`.

    Args:
        equations: the sums.
        keep: channels that are left at the end.
        ridge: see `NormalEquations.covariances`.
        step: channels dropped between two updates; 1 is exact, more is quicker.
    """
    a, weight = equations.covariances(ridge)
    inverse: Double = np.linalg.inv(a).astype(np.float64, copy=False)
    weight = inverse @ weight
    left = np.arange(equations.channels)
    order: list[int] = []
    errors: list[float] = []
    error, scale = 0.0, max(equations.reference_variance(), 1e-30)
    while len(left) > keep:
        count = min(step, len(left) - keep)
        chosen = np.sort(np.argsort(_costs(inverse, weight, equations.taps), kind="stable")[:count])
        gone = rows_of(chosen, equations.taps)
        rest = np.setdiff1d(np.arange(len(inverse)), gone)
        solved = np.linalg.solve(
            inverse[np.ix_(gone, gone)], np.hstack([weight[gone], inverse[gone][:, rest]])
        )
        outputs = weight.shape[1]
        error += float(np.sum(weight[gone] * solved[:, :outputs])) / scale
        across = inverse[np.ix_(rest, gone)]
        weight = weight[rest] - across @ solved[:, :outputs]
        inverse = inverse[np.ix_(rest, rest)] - across @ solved[:, outputs:]
        order += left[chosen].tolist()
        errors += [error] * count
        left = np.delete(left, chosen)
    return Elimination(np.array(order, np.int64), np.array(errors))


def _costs(inverse: Double, weight: Double, taps: int) -> Double:
    """Squared error that dropping each of the channels would add, [channels]."""
    channels = len(inverse) // taps
    own = np.arange(channels)
    blocks = inverse.reshape(channels, taps, channels, taps)[own, :, own, :]
    rows = weight.reshape(channels, taps, -1)
    return np.asarray(np.sum(rows * np.linalg.solve(blocks, rows), axis=(1, 2)))
