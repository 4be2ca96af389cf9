"""Comparing the outputs of a rewritten model with those of the original."""

from __future__ import annotations

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.errors import VerificationError
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.tolerance import Bound, distance, is_float


def compare_numbers(original: Original, got: list[Array], how: str) -> float:
    """Compare outputs that should be the same.

    Args:
        original: What is wanted.
        got: Outputs of the rewritten model.
        how: How it was run, for messages.

    Returns:
        The largest difference of all floating-point outputs that can be compared.

    Raises:
        VerificationError: An output differs by more than rounding explains.
    """
    worst = 0.0
    for index, (a, b, bound) in enumerate(zip(got, original.expected, original.bounds, strict=True)):
        where = f"output {index} of the rewritten model, run {how},"
        _check_kind(a, b, where)
        if not bound.compares:
            continue
        if a.shape != b.shape:
            raise VerificationError(f"{where} has shape {list(a.shape)}, wanted {list(b.shape)}")
        gap = distance(a, b)
        if not gap <= bound.tolerance:
            raise VerificationError(f"{where} {_difference(gap, bound)}")
        worst = max(worst, gap if bound.is_float else 0.0)
    return worst


def compare_form(original: Original, got: list[Array], how: str) -> float:
    """Compare outputs whose values settings may change: shapes, and whether they are finite.

    The shape counts where it does not depend on values.

    Returns:
        The largest difference of all floating-point outputs whose shape is fixed.

    Raises:
        VerificationError: A shape differs, or an output is not finite.
    """
    worst = 0.0
    for index, (a, b) in enumerate(zip(got, original.expected, strict=True)):
        where = f"output {index} of the rewritten model, run {how},"
        _check_kind(a, b, where)
        if original.shape_is_fixed(index) and a.shape != b.shape:
            raise VerificationError(f"{where} has shape {list(a.shape)}, wanted {list(b.shape)}")
        if not is_float(b):
            continue
        if np.isfinite(b).all() and not np.isfinite(a).all():
            raise VerificationError(f"{where} is not finite")
        if a.shape == b.shape:
            worst = max(worst, distance(a, b))
    return worst


def _check_kind(got: Array, expected: Array, where: str) -> None:
    """Type and number of dimensions never depend on values."""
    if got.ndim != expected.ndim:
        raise VerificationError(f"{where} has {got.ndim} dimensions, wanted {expected.ndim}")
    if got.dtype.kind != expected.dtype.kind:
        raise VerificationError(f"{where} has type {got.dtype}, wanted {expected.dtype}")


def _difference(gap: float, bound: Bound) -> str:
    if not bound.is_float:
        return f"differs in {gap:.2%} of places, wanted at most {bound.tolerance:.2%}"
    return f"differs by {gap:.3g} of the largest value, wanted at most {bound.tolerance:.3g}"
