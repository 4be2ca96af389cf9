"""Metrics of one network against labels or against another network, sample by sample.

Every function takes outputs [n, ...] and a truth, and returns [n] float64. Values are kept per sample, so
that the uncertainty of a difference can be had from the same samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import UsageError
from spl_onnx.measure.confidence import Confidence, Values, of_decisions, of_differences

METRICS = ("top1", "agreement", "mse", "cosine", "psnr")


def _rows(x: Array) -> Values:
    return np.asarray(x.reshape(len(x), -1), np.float64)


def decisions(outputs: Array) -> NDArray[np.int64]:
    """The class with the highest score, [n] int64; the first one on ties."""
    return np.asarray(np.argmax(outputs.reshape(len(outputs), -1), axis=1), np.int64)


def top_k(outputs: Array, labels: Array, k: int) -> Values:
    """1 where fewer than `k` classes score higher than the right one, else 0."""
    scores = _rows(outputs)
    right = np.take_along_axis(scores, labels.reshape(-1, 1).astype(np.int64), axis=1)
    # A tie counts as argmax breaks it, and a score that is not a number is never right.
    index = np.arange(scores.shape[1])
    behind = (scores < right) | ((scores == right) & (index >= labels.reshape(-1, 1)))
    return np.asarray((~behind).sum(axis=1) < k, np.float64)


def top1(outputs: Array, labels: Array) -> Values:
    """1 where the decision is the label."""
    return top_k(outputs, labels, 1)


def agreement(outputs: Array, reference: Array) -> Values:
    """1 where both networks decide for the same class."""
    return np.asarray(decisions(outputs) == decisions(reference), np.float64)


def mse(outputs: Array, reference: Array) -> Values:
    """Mean squared difference divided by the mean square of the reference."""
    got, wanted = _rows(outputs), _rows(reference)
    error = np.mean((got - wanted) ** 2, axis=1)
    power = np.mean(wanted**2, axis=1)
    ratio = np.where(error > 0, np.inf, 0.0)
    np.divide(error, power, out=ratio, where=power > 0)
    return ratio


def cosine(outputs: Array, reference: Array) -> Values:
    """Cosine of the angle between both outputs; 1 when both are all zero."""
    got, wanted = _rows(outputs), _rows(reference)
    norms = np.linalg.norm(got, axis=1) * np.linalg.norm(wanted, axis=1)
    products = np.sum(got * wanted, axis=1)
    result = np.asarray((got == wanted).all(axis=1), np.float64)
    np.divide(products, norms, out=result, where=norms > 0)
    return result


def psnr(outputs: Array, reference: Array) -> Values:
    """Peak signal-to-noise ratio in dB of images, on the 0..1 or the 0..255 scale, clipped to that scale.

    The scale is 1 when no value of the reference is above 1, else 255. Equal images give infinity.
    """
    got, wanted = _rows(outputs), _rows(reference)
    peak = 1.0 if wanted.max() <= 1.0 else 255.0
    error = np.mean((np.clip(got, 0.0, peak) - np.clip(wanted, 0.0, peak)) ** 2, axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(peak**2 / error))


@dataclass(frozen=True)
class Metric:
    """How a metric is measured and what a loss of it means.

    Attributes:
        name: as on the command line.
        measure: (outputs, truth) to one value per sample.
        sign: 1 when more is better, -1 when less is.
        decides: whether the value of a sample is 0 or 1.
    """

    name: str
    measure: Callable[[Array, Array], Values]
    sign: int
    decides: bool = False

    def drop(self, before: Values, after: Values) -> Values:
        """Loss of each sample, above 0 when `after` is worse.

        PSNR against the original itself starts at infinity; its loss is the error relative to the peak,
        10 ** (-dB / 20), so that 40 dB count as 0.01.
        """
        if np.isinf(before).any():
            return np.asarray(10.0 ** (-after / 20.0))
        return np.asarray(self.sign * (before - after))

    def confidence(self, before: Values, after: Values) -> Confidence:
        """The mean drop over paired samples and how well it is known."""
        return of_decisions(before, after) if self.decides else of_differences(self.drop(before, after))


TABLE = {
    "top1": Metric("top1", top1, 1, decides=True),
    "agreement": Metric("agreement", agreement, 1, decides=True),
    "mse": Metric("mse", mse, -1),
    "cosine": Metric("cosine", cosine, 1),
    "psnr": Metric("psnr", psnr, 1),
}


def check_metric(name: str) -> None:
    """Refuse a metric that does not exist, before anything is run.

    Raises:
        UsageError: it is neither a metric nor "auto".
    """
    if name != "auto" and name not in TABLE:
        raise UsageError(f"--metric: got {name!r}, wanted one of {', '.join(METRICS)}")
