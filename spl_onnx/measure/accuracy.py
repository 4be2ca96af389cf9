"""Accuracy of one network against the labels of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.data.reader import Feeds, Reader, samples_of
from spl_onnx.errors import DataError, ModelError
from spl_onnx.measure.confidence import Values, bootstrap_interval
from spl_onnx.measure.metrics import psnr, top_k
from spl_onnx.progress import Progress, silent

#: Runs one batch and gives the network's outputs; the first one is judged.
Network = Callable[[Feeds], list[Array]]

#: Kinds of NumPy types that can be judged: truth values, whole numbers, floating point.
_NUMBERS = "biuf"


@dataclass(frozen=True)
class Evaluation:
    """Accuracy of one network.

    Attributes:
        images: number of samples.
        scores: mean of each metric, by name.
        intervals: 95 % interval of each mean.
    """

    images: int
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def is_classes(labels: Array | None, outputs: Array) -> bool:
    """Whether the labels are class numbers, one per sample."""
    return labels is not None and labels.ndim == 1 and outputs.ndim >= 2


def first_output(outputs: list[Array]) -> Array:
    """What is judged of the outputs for a batch.

    Raises:
        ModelError: there is none, or it does not hold numbers, in one row for each sample.
    """
    if not outputs:
        raise ModelError("the model has no outputs, wanted one that can be judged")
    first = outputs[0]
    if first.dtype.kind not in _NUMBERS or first.ndim == 0 or first.size == 0:
        raise ModelError(
            f"the first output is {first.dtype} {list(first.shape)}, wanted numbers, one row for each sample"
        )
    return first


def check_labels(labels: Array, outputs: Array) -> None:
    """Labels must be classes of this network or reference outputs of its shape."""
    if labels.shape == outputs.shape:
        if labels.dtype.kind not in _NUMBERS:
            raise DataError(f"labels have type {labels.dtype}, wanted numbers like the outputs")
        return
    if labels.shape != (len(outputs),):
        raise DataError(
            f"labels have shape {list(labels.shape)}, outputs {list(outputs.shape)}: "
            f"wanted {len(outputs)} class numbers or reference outputs of the outputs' shape"
        )
    classes = int(np.prod(outputs.shape[1:]))
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels have type {labels.dtype}, wanted whole class numbers")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"labels go from {labels.min()} to {labels.max()}, wanted 0 to {classes - 1}")


def batches(reader: Reader) -> Iterator[tuple[Feeds, Array | None, int]]:
    """Yield (feeds, labels, samples) of all batches.

    Raises:
        DataError: there is not one batch.
    """
    count = 0
    while (feeds := reader.get_next()) is not None:
        count += 1
        yield feeds, reader.last_labels, samples_of(feeds)
    if not count:
        raise DataError("the data is empty: wanted at least one batch")


def evaluate(run: Network, reader: Reader, progress: Progress = silent) -> Evaluation:
    """Measure a network against the labels of the data: top1 and top5, or PSNR against reference outputs.

    Raises:
        DataError: the data is empty or has no labels, or they do not fit.
        ModelError: the first output cannot be judged.
    """
    values: dict[str, list[Values]] = {}
    for feeds, labels, samples in batches(reader):
        outputs = first_output(run(feeds))
        if labels is None:
            raise DataError(
                "the data has no labels: add 'y' to the .npz or labels.csv to the folder, or use compare"
            )
        check_labels(labels, outputs)
        for name, value in _against_labels(outputs, labels).items():
            values.setdefault(name, []).append(value)
        progress(samples)
    joined = {name: np.concatenate(parts) for name, parts in values.items()}
    return Evaluation(
        images=len(next(iter(joined.values()))),
        scores={name: float(value.mean()) for name, value in joined.items()},
        intervals={name: bootstrap_interval(value) for name, value in joined.items()},
    )


def _against_labels(outputs: Array, labels: Array) -> dict[str, Values]:
    if is_classes(labels, outputs):
        return {"top1": top_k(outputs, labels, 1), "top5": top_k(outputs, labels, 5)}
    return {"psnr": psnr(outputs, labels)}
