"""How far a configuration of the network is from the original, on the samples of the search.

The metric decides what is allowed. It moves in steps of one sample, so a search is led by the divergence
instead: a smooth measure of the same outputs, to which small changes of different sites add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.measure.accuracy import check_labels
from spl_onnx.measure.compare import choose_metric, truth_of
from spl_onnx.measure.expectation import likely_drop, soft_right
from spl_onnx.measure.metrics import mse

_CLASSES = ("top1", "agreement")


@dataclass(frozen=True)
class Quality:
    """What a configuration loses.

    Attributes:
        drop: mean loss of the metric, above 0 when worse than the original; of right decisions the larger one
            of the counted and the smooth loss, or the likely one (`Judge`).
        divergence: mean Kullback-Leibler divergence of the class probabilities from the original's, in nats;
            of outputs that are no classes the relative mean squared difference.
    """

    drop: float
    divergence: float


class Judge:
    """Compares outputs with those of the original on the same samples.

    Args:
        reference: outputs of the original, [n, ...].
        labels: answers, class numbers [n] or reference outputs; None without.
        metric: name of a metric, or "auto".
        gains: whether decisions that got clearer make up for others in the smooth loss. They are luck: a
            network with less work does not know more than its original, and a search that may choose among
            many configurations finds those whose luck hides their losses.
        likely: whether right decisions are judged by what is expected of them (`likely_drop`) instead of by
            the larger one of count and expectation. That suits changes which nobody chose by their counts.

    Raises:
        DataError: the labels do not fit the outputs.
    """

    def __init__(
        self, reference: Array, labels: Array | None, metric: str, gains: bool = True, likely: bool = False
    ) -> None:
        if labels is not None:
            check_labels(labels, reference)
        self.metric = choose_metric(metric, labels, reference)
        self._reference = reference
        self._truth = truth_of(self.metric, labels, reference)
        self._before = self.metric.measure(reference, self._truth)
        self._soft = (
            soft_right(reference, self._truth) if self.metric.name == "top1" else np.zeros(len(reference))
        )
        self._classes = self.metric.name in _CLASSES
        self._least = -np.inf if gains else 0.0
        self._likely = likely

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self._reference)

    def quality(self, outputs: Array) -> Quality:
        """What a network with these outputs loses; outputs that are not numbers lose everything."""
        if not np.isfinite(outputs).all():
            return Quality(float("inf"), float("inf"))
        drop = self._drop(outputs)
        if self._classes:
            return Quality(drop, float(kl_divergence(self._reference, outputs).mean()))
        return Quality(drop, float(mse(outputs, self._reference).mean()))

    def _drop(self, outputs: Array) -> float:
        after = self.metric.measure(outputs, self._truth)
        counted = float(self.metric.drop(self._before, after).mean())
        if self.metric.name != "top1":
            return counted
        losses = self._soft - soft_right(outputs, self._truth)
        expected = float(np.maximum(losses, self._least).mean())
        if self._likely:
            return likely_drop(expected, self.metric.confidence(self._before, after).interval)
        return max(counted, expected)


def kl_divergence(reference: Array, outputs: Array) -> NDArray[np.float64]:
    """Divergence of the class probabilities of `outputs` from those of `reference`, in nats.

    Args:
        reference: scores or probabilities, [n, classes].
        outputs: the same of another network.

    Returns:
        [n], at least 0 but for rounding.
    """
    given = are_probabilities(reference)
    p, q = log_probabilities(reference, given), log_probabilities(outputs, given)
    return np.asarray((np.exp(p) * (p - q)).sum(axis=1), np.float64)


def are_probabilities(outputs: Array) -> bool:
    """Whether outputs [n, classes] are probabilities already: none below 0, and a sum of 1 in every row."""
    rows = outputs.reshape(len(outputs), -1)
    return bool(rows.min(initial=0.0) >= 0.0 and np.allclose(rows.sum(axis=1), 1.0, atol=1e-3))


def log_probabilities(outputs: Array, given: bool) -> NDArray[np.float64]:
    """Logarithms of class probabilities.

    Args:
        outputs: [n, classes].
        given: whether they are probabilities already, else scores.
    """
    rows = np.asarray(outputs.reshape(len(outputs), -1), np.float64)
    if given:
        rows = np.log(np.maximum(rows, 1e-12))
    shifted = rows - rows.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
