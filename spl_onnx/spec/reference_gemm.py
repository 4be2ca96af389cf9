"""Reference of the matrix operators (domain ai.spl.gemm), any rank; the last direction is the row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.arithmetic import activated_values, predictor_scores, quantized_values
from spl_onnx.spec.attributes import FLOAT32, INT8, INT8_WINOGRAD, Activation
from spl_onnx.spec.checks import check_matrix, check_precision, check_selection, refuse_places
from spl_onnx.spec.codes import Code, check_byte_precision, checked_bytes, residual_values


def _product(x: Array, w: Array) -> Array:
    return np.asarray(x @ w.T)


def _output_shape(x: Array, w: Array) -> tuple[int, ...]:
    check_matrix(x, w)
    return (*x.shape[:-1], w.shape[0])


def gemm_scores(
    x: Array,
    wp: Array,
    bp: Array,
    wscale: Array | None = None,
    xscale: Array | None = None,
    r: Array | None = None,
) -> NDArray[np.float32]:
    """Scores `[...,O]` of a predictor, before selection; arguments as for `gemm_predict`."""
    shape = _output_shape(x, wp)
    return predictor_scores(x, wp, bp, wscale, xscale, r, product=_product, shape=shape, sample_axes=(-1,))


def gemm_predict(
    x: Array,
    wp: Array,
    bp: Array,
    wscale: Array | None = None,
    xscale: Array | None = None,
    r: Array | None = None,
) -> NDArray[np.uint8]:
    """SPLPredict on matrices.

    Args:
        x: `[...,K]` float32.
        wp: `[O,K]` float32 or int8.
        bp: `[O]` float32.
        wscale: `[O]` float32, with int8 weights.
        xscale: `[1]` or `[2]` float32, with int8 weights; None is one scale per row.
        r: `[...,O]` or one element, float32; None is 0.

    Returns:
        `[...,O]` uint8: 1 where the score is above 0 (not-a-number is not).

    Raises:
        ModelError: Inputs that do not fit each other.
    """
    return (gemm_scores(x, wp, bp, wscale, xscale, r) > 0).astype(np.uint8)


def gemm_srmm(
    x: Array,
    w: Array,
    b: Array | None = None,
    s: Array | None = None,
    r: Array | None = None,
    xscale: Array | None = None,
    wscale: Array | None = None,
    *,
    activation: Activation,
    transposed: bool = False,
    precision: str = FLOAT32,
) -> NDArray[np.float32]:
    """SRMM on matrices.

    Args:
        x: `[...,K]` float32.
        w: `[O,K]` float32, or int8 with precision int8; or `[K,O]`.
        b: `[O]` float32; None is 0.
        s: `[...,O]` uint8, 0 or 1; None selects everything.
        r: `[...,O]` or one element, float32; None is 0.
        xscale: `[1]` or `[2]` float32: the 8 bits of `x`; None is one scale per row. With int8 only.
        wscale: `[O]` float32, with int8 weights; with others None, or one element that is 1.
        activation: Clipping and floor.
        transposed: Whether `w` is `[K,O]`.
        precision: What is multiplied in: float32 or int8.

    Returns:
        `[...,O]` float32.

    Raises:
        ModelError: Inputs that do not fit each other, or a selection above 1.
    """
    check_matrix(x, w, transposed)
    w = w.T if transposed else w
    shape = _output_shape(x, w)
    check_precision(w, xscale, precision, wscale)
    _refuse_winograd(precision)
    if precision == INT8:
        values = quantized_values(
            x,
            w,
            b,
            r,
            xscale,
            wscale,
            product=_product,
            shape=shape,
            sample_axes=(-1,),
            activation=activation,
        )
    else:
        values = activated_values(x, w, b, r, product=_product, shape=shape, activation=activation)
    return _chosen(values, s)


def _refuse_winograd(precision: str) -> None:
    if precision == INT8_WINOGRAD:
        raise ModelError(f"precision {precision} on a matrix operator; wanted it on images only")


def _chosen(values: NDArray[np.float32], s: Array | None) -> NDArray[np.float32]:
    """The values that `s` selects, and 0."""
    if s is None:
        return values
    check_selection(s, values.shape)
    refuse_places(s, s > 1, "0 or 1")
    return np.where(s > 0, values, np.float32(0))


def gemm_qsrmm(
    x: Array,
    w: Array,
    b: Array | None = None,
    s: Array | None = None,
    r: Array | None = None,
    xscale: Array | None = None,
    rscale: Array | None = None,
    yscale: Array | None = None,
    wscale: Array | None = None,
    *,
    activation: Activation,
    transposed: bool = False,
    precision: str = INT8,
) -> NDArray[np.uint8]:
    """QSRMM on matrices.

    Args:
        x: `[...,K]` uint8.
        w: `[O,K]` float32, or int8 with precision int8; or `[K,O]`.
        b: `[O]` float32; None is 0.
        s: `[...,O]` uint8, 0 or 1; None selects everything.
        r: `[...,O]` or one element, uint8; None is 0.
        xscale: `[1]` or `[2]` float32, scale and zero point of `x`; it is needed.
        rscale: The same of `r`, needed with it.
        yscale: The same of what is returned; it is needed.
        wscale: `[O]` float32, with int8 weights; with others None, or one element that is 1.
        activation: Clipping and floor.
        transposed: Whether `w` is `[K,O]`.
        precision: int8.

    Returns:
        `[...,O]` uint8.

    Raises:
        ModelError: Inputs that do not fit each other, or a selection above 1.
    """
    check_byte_precision(precision)
    _refuse_winograd(precision)
    steps = Code.read("Xscale", xscale).steps(checked_bytes("X", x))
    check_matrix(steps, w, transposed)
    w = w.T if transposed else w
    check_precision(w, None, precision, wscale)
    values = quantized_values(
        x,
        w,
        b,
        residual_values(r, rscale),
        xscale,
        wscale,
        product=_product,
        shape=_output_shape(steps, w),
        sample_axes=(-1,),
        activation=activation,
    )
    return Code.read("Yscale", yscale).levels(_chosen(values, s))
