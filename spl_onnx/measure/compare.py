"""What a network loses against another one on the same data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Reader
from spl_onnx.errors import DataError, VerificationError
from spl_onnx.measure.accuracy import Network, batches, check_labels, first_output, is_classes
from spl_onnx.measure.confidence import Confidence, Values
from spl_onnx.measure.expectation import likely_drop, soft_right
from spl_onnx.measure.metrics import TABLE, Metric, agreement, check_metric, top_k
from spl_onnx.progress import Progress, silent

#: Means of 0s and 1s carry rounding; a drop equal to a limit is within it.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Comparison:
    """What a network loses against another one on the same samples.

    Attributes:
        metric: name of the metric.
        before: mean of the metric for the original; None where it compares with the original itself.
        after: mean of the metric for the other network.
        confidence: the mean loss and how well it is known, paired.
        extras: further means: agreement, top5_before, top5_after, largest absolute difference.
        expected: the drop of right decisions that the scores lead to expect; None of other metrics.
    """

    metric: str
    before: float | None
    after: float
    confidence: Confidence
    extras: dict[str, float] = field(default_factory=dict)
    expected: float | None = None

    @property
    def drop(self) -> float:
        """Mean loss, above 0 when the other network is worse."""
        return self.confidence.drop

    @property
    def interval(self) -> tuple[float, float]:
        """Two-sided 95 % interval of the drop."""
        return self.confidence.interval

    @property
    def images(self) -> int:
        """Number of samples."""
        return self.confidence.images

    def is_within(self, max_drop: float) -> bool:
        """Whether the drop is at most a limit; NaN is not."""
        return self.drop <= max_drop + ROUNDING

    def is_likely_within(self, max_drop: float) -> bool:
        """Whether the likely drop is at most a limit: the counted one, of a metric that expects none."""
        if self.expected is None:
            return self.is_within(max_drop)
        return likely_drop(self.expected, self.interval) <= max_drop + ROUNDING


def check_drop(comparison: Comparison, max_drop: float, by_expectation: bool = False) -> None:
    """Refuse a loss above the limit.

    Args:
        comparison: the loss.
        max_drop: the limit.
        by_expectation: whether the likely drop counts.

    Raises:
        VerificationError: it is; NaN counts as above.
    """
    if comparison.is_likely_within(max_drop) if by_expectation else comparison.is_within(max_drop):
        return
    before = "the original" if comparison.before is None else f"{comparison.before:.4g}"
    expected = comparison.expected if by_expectation else None
    scores = "" if expected is None else f", {expected:.4g} expected of the scores"
    raise VerificationError(
        f"accuracy: {comparison.metric} on {comparison.images} samples went from {before} to "
        f"{comparison.after:.4g}, a drop of {comparison.drop:.4g}{scores}, wanted at most {max_drop:g} "
        "(--max-drop); nothing was written; convert fewer sites (--rules, --skip-rules), or use --lossless"
    )


def choose_metric(name: str, labels: Array | None, outputs: Array) -> Metric:
    """The metric for the data at hand.

    Args:
        name: a metric, or "auto": top1 with class labels, PSNR with reference outputs, else agreement for
            outputs [n, classes] and MSE for anything else.
        labels: labels of a batch, or None.
        outputs: the network's first output for that batch.

    Raises:
        DataError: top1 is asked for and there are no class labels.
    """
    if name == "auto":
        return TABLE[_automatic(labels, outputs)]
    if name == "top1" and not is_classes(labels, outputs):
        raise DataError("--metric top1 needs class labels: add 'y' or labels.csv, or use --metric agreement")
    return TABLE[name]


def _automatic(labels: Array | None, outputs: Array) -> str:
    if is_classes(labels, outputs):
        return "top1"
    if labels is not None:
        return "psnr"
    return "agreement" if outputs.ndim == 2 and outputs.shape[1] > 1 else "mse"


def truth_of(metric: Metric, labels: Array | None, outputs: Array) -> Array:
    """What outputs are measured against: labels where the metric uses them, else the original's outputs."""
    uses_labels = metric.name == "top1" or (
        metric.name == "psnr" and labels is not None and labels.shape == outputs.shape
    )
    return labels if uses_labels and labels is not None else outputs


class _Pairs:
    """Per-sample values of both networks, collected batch by batch."""

    def __init__(self, metric: str) -> None:
        self._wanted = metric
        self.metric: Metric | None = None
        self._values: dict[str, list[Values]] = {}
        self._largest = 0.0

    def add(self, before: Array, after: Array, labels: Array | None) -> None:
        """Add the first outputs of both networks for one batch."""
        if before.shape != after.shape:
            raise DataError(
                f"the networks differ in their first output: {list(before.shape)} and {list(after.shape)}"
            )
        if labels is not None:
            check_labels(labels, before)
        if self.metric is None:
            self.metric = choose_metric(self._wanted, labels, before)
        truth = truth_of(self.metric, labels, before)
        self._keep(before=self.metric.measure(before, truth), after=self.metric.measure(after, truth))
        if before.ndim == 2:
            self._keep(agreement=agreement(after, before))
        if self.metric.name == "top1":
            self._keep(soft_before=soft_right(before, truth), soft_after=soft_right(after, truth))
        if is_classes(labels, before) and labels is not None:
            self._keep(top5_before=top_k(before, labels, 5), top5_after=top_k(after, labels, 5))
        difference = np.abs(after.astype(np.float64) - before).max(initial=0.0)
        self._largest = max(self._largest, float(difference))

    def _keep(self, **values: Values) -> None:
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)

    def result(self) -> Comparison:
        """The comparison over all batches."""
        assert self.metric is not None
        joined = {name: np.concatenate(parts) for name, parts in self._values.items()}
        before, after = joined.pop("before"), joined.pop("after")
        mean_before = float(before.mean())
        soft = joined.pop("soft_before", None), joined.pop("soft_after", None)
        return Comparison(
            metric=self.metric.name,
            before=mean_before if np.isfinite(mean_before) else None,
            after=float(after.mean()),
            confidence=self.metric.confidence(before, after),
            extras={**{n: float(v.mean()) for n, v in joined.items()}, "largest_difference": self._largest},
            expected=None if soft[0] is None or soft[1] is None else float((soft[0] - soft[1]).mean()),
        )


def compare(
    before: Network, after: Network, reader: Reader, metric: str = "auto", progress: Progress = silent
) -> Comparison:
    """Run both networks on the same batches, in one pass over the data.

    Args:
        before: the original.
        after: the other network, same inputs and outputs.
        reader: the data.
        metric: name of a metric, or "auto".
        progress: told the number of samples of each batch.

    Raises:
        DataError: the data is empty, or labels or outputs do not fit.
        ModelError: a first output cannot be judged.
        UsageError: the metric is unknown.
    """
    check_metric(metric)
    pairs = _Pairs(metric)
    for feeds, labels, samples in batches(reader):
        pairs.add(first_output(before(feeds)), first_output(after(feeds)), labels)
        progress(samples)
    return pairs.result()
