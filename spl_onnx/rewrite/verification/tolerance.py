"""How far two versions of an output may be apart, from what rounding does to the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spl_onnx.arrays import Array

#: Differences of the original with itself are a sample of rounding errors: another may be this much larger.
MARGIN = 4.0
#: 64 float32 roundings relative to the largest value, where the sample shows less.
LEAST_TOLERANCE = 64 * float(np.finfo(np.float32).eps)
#: A comparison that lets more than this pass, relative to the largest value, proves nothing.
MOST_TOLERANCE = 1e-2
#: Whole-number outputs (classes, masks) may flip at ties between values that differ by rounding.
FLIPPED_FRACTION = 1e-3
#: Where rounding flips more of them than this, nothing is proved.
MOST_FLIPPED = 5e-2


@dataclass(frozen=True)
class Bound:
    """What rounding does to one output of the original.

    Attributes:
        name: Of the output.
        is_float: Whether its values are compared by size; else by the fraction of them that differ.
        noise: Largest difference among runs that differ by rounding only; infinite where shapes or the
            places of infinite values differ.
        tolerance: Largest difference that is right.
        same_shape: Whether its shape was the same in all runs.
    """

    name: str
    is_float: bool
    noise: float
    tolerance: float
    same_shape: bool

    @property
    def compares(self) -> bool:
        """Whether a difference above the tolerance is a fault."""
        return self.tolerance <= (MOST_TOLERANCE if self.is_float else MOST_FLIPPED)

    @property
    def proves(self) -> bool:
        """Whether equality says something about the layers: rounding in them shows here, and is small."""
        return self.is_float and self.noise > 0.0 and self.compares


def bound(name: str, expected: Array, others: Sequence[Array]) -> Bound:
    """The bound of an output.

    Args:
        name: Of the output.
        expected: Its value in the original.
        others: Its values in runs that differ by rounding only.
    """
    noise = max((distance(other, expected) for other in others), default=0.0)
    least = _least(expected) if is_float(expected) else FLIPPED_FRACTION
    same = all(other.shape == expected.shape for other in others)
    return Bound(name, is_float(expected), noise, max(least, MARGIN * noise), same)


def is_float(value: Array) -> bool:
    """Whether an output has floating-point numbers."""
    return bool(np.issubdtype(value.dtype, np.floating))


def _least(value: Array) -> float:
    """The tolerance where no noise was seen; rounding in float32 may be one step in half precision."""
    step = float(np.finfo(value.dtype).eps)
    return LEAST_TOLERANCE + (step if step > np.finfo(np.float32).eps else 0.0)


def distance(got: Array, expected: Array) -> float:
    """How far two values of an output are apart: relative for floating-point numbers, else a fraction."""
    if is_float(expected):
        return difference(got, expected)
    if got.shape != expected.shape:
        return float("inf")
    return float(np.mean(got != expected)) if expected.size else 0.0


def difference(got: Array, expected: Array) -> float:
    """Largest difference relative to the largest finite value; infinite where shape or finiteness differ."""
    if got.shape != expected.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    finite = np.isfinite(expected)
    if (
        not np.array_equal(got[~finite], expected[~finite], equal_nan=True)
        or not np.isfinite(got[finite]).all()
    ):
        return float("inf")
    if not finite.any():
        return 0.0
    gap = float(np.abs(got[finite].astype(np.float64) - expected[finite]).max())
    scale = float(np.abs(expected[finite]).max())
    return gap / scale if scale > 0 else gap
