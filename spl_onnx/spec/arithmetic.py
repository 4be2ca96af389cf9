"""The arithmetic that images and matrices share: predictor scores and activated values.

Float sums are taken in float64 and rounded once to float32, so that this is the oracle for kernels of any
summation order. Int8 scores are float32 operation by operation: they are the same bits everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.spec.attributes import Activation
from spl_onnx.spec.checks import check_predictor, check_residual, check_vector
from spl_onnx.spec.quantize import (
    dynamic_scale,
    quantize_input,
    static_scale,
    steps_from_zero,
    weight_levels,
)

#: (input, weights), both float64 -> their products summed, float64 [..., O].
Product = Callable[[Array, Array], Array]


def predictor_scores(
    x: Array,
    wp: Array,
    bp: Array,
    wscale: Array | None,
    xscale: Array | None,
    r: Array | None,
    *,
    product: Product,
    shape: tuple[int, ...],
    sample_axes: tuple[int, ...],
) -> NDArray[np.float32]:
    """Scores of SPLPredict before selection.

    Args:
        x: float32 input; with `xscale` also uint8, which are its levels.
        wp: float32 or int8 weights `[O,...]`.
        bp: float32 `[O]`.
        wscale: float32 `[O]` with int8 weights, else None.
        xscale: float32 `[1]` or `[2]`, or None: each sample has its own scale.
        r: Residual of `shape` or one element, or None.
        product: Sums the products of input and weights; exact for integers.
        shape: Shape of the scores, `[...,O]`.
        sample_axes: Directions of `x` that make up one sample.

    Raises:
        ModelError: Inputs that do not fit.
    """
    check_predictor(wp, wscale, xscale)
    check_vector("Bp", bp, wp.shape[0])
    residual = np.float32(0) if r is None else check_residual(r, shape)
    with np.errstate(over="ignore", invalid="ignore"):
        if wscale is None:
            total = product(x.astype(np.float64), wp.astype(np.float64)) + bp + residual
            return np.asarray(total, np.float32)
        scale, zero_point = dynamic_scale(x, sample_axes) if xscale is None else static_scale(xscale)
        q = x if x.dtype == np.uint8 else quantize_input(x, scale, zero_point)
        # (q - z) * w summed is sum(q * w) - z * sum(w), and spatial padding (value z) becomes 0.
        exact = product(steps_from_zero(q, zero_point).astype(np.float64), wp.astype(np.float64))
        scores = exact.astype(np.float32) * (scale * wscale) + bp + residual
    return np.asarray(scores, np.float32)


def activated_values(
    x: Array,
    w: Array,
    b: Array | None,
    r: Array | None,
    *,
    product: Product,
    shape: tuple[int, ...],
    activation: Activation,
) -> NDArray[np.float32]:
    """Values of SRMM before selection and pooling: clip(x * w + b + r), and 0 where not above `floor`.

    Arguments and errors as for `predictor_scores`; `b` `[O]` and `r` may be None (nothing is added).
    """
    residual = np.float32(0) if r is None else check_residual(r, shape)
    if b is not None:
        check_vector("B", b, w.shape[0])
    with np.errstate(over="ignore", invalid="ignore"):
        total = product(x.astype(np.float64), w.astype(np.float64)) + (0 if b is None else b) + residual
        values = np.asarray(total, np.float32)
    return activated(values, activation)


def quantized_values(
    x: Array,
    w: Array,
    b: Array | None,
    r: Array | None,
    xscale: Array | None,
    wscale: Array | None,
    *,
    product: Product,
    shape: tuple[int, ...],
    sample_axes: tuple[int, ...],
    activation: Activation,
) -> NDArray[np.float32]:
    """Values of SRMM with products in 8 bits: those of an int8 predictor of the layer's own weights.

    Arguments and errors as for `predictor_scores`; weights that are float32 are quantised here.
    """
    levels, scales = weight_levels(w, wscale)
    bias = np.zeros(len(w), np.float32) if b is None else b
    check_vector("B", bias, w.shape[0])
    scores = predictor_scores(
        x, levels, bias, scales, xscale, r, product=product, shape=shape, sample_axes=sample_axes
    )
    return activated(scores, activation)


def activated(values: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Clipped values, and 0 where they are not above `floor`."""
    values = np.minimum(np.maximum(values, np.float32(activation.clip_min)), np.float32(activation.clip_max))
    if activation.floor > 0:
        values = np.where(values <= np.float32(activation.floor), np.float32(0), values)
    return np.asarray(values, np.float32)
