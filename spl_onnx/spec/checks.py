"""Run-time checks of operator inputs, shared by the reference functions. Errors show both shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import FLOAT32, INT8

#: With more products 255 * 128 * K would not fit a signed 32-bit sum.
MAX_INT8_PRODUCTS = 65536


def check_image(x: Array, w: Array, group: int) -> None:
    """ModelError unless `x [N,H,W,C]` and `w [O,kH,kW,C/group]` fit each other."""
    _check_float("X", x)
    if x.ndim != 4 or w.ndim != 4:
        raise ModelError(
            f"X {list(x.shape)} and weights {list(w.shape)}; wanted [N,H,W,C] and [O,kH,kW,C/group]"
        )
    if x.shape[3] != w.shape[3] * group or w.shape[0] % group:
        raise ModelError(
            f"X {list(x.shape)} does not fit weights {list(w.shape)} with group {group}; "
            f"wanted {w.shape[3] * group} channels in X and a number of filters divisible by {group}"
        )


def check_matrix(x: Array, w: Array, transposed: bool = False) -> None:
    """ModelError unless `x [...,K]` and `w [O,K]` (transposed `[K,O]`) fit each other."""
    _check_float("X", x)
    if x.ndim < 1 or w.ndim != 2 or x.shape[-1] != w.shape[0 if transposed else 1]:
        order = "[K,O]" if transposed else "[O,K]"
        raise ModelError(
            f"X {list(x.shape)} does not fit weights {list(w.shape)}; wanted [...,K] and {order}"
        )


def check_predictor(wp: Array, wscale: Array | None, xscale: Array | None) -> None:
    """ModelError unless the predictor is float32 without scales, or int8 with Wscale `[O]`."""
    if wp.dtype == np.float32:
        if wscale is not None or xscale is not None:
            raise ModelError("Wscale or Xscale is given with float32 Wp; wanted them with int8 Wp only")
        return
    if wp.dtype != np.int8:
        raise ModelError(f"Wp has type {wp.dtype}; wanted float32 or int8")
    _check_products("int8 Wp", wp)
    if wscale is None:
        raise ModelError("Wscale is missing; int8 Wp needs one scale per output")
    check_vector("Wscale", wscale, wp.shape[0])


def check_precision(w: Array, xscale: Array | None, precision: str, wscale: Array | None = None) -> None:
    """ModelError where weights do not suit a precision, or a scale is given that it has no use for.

    Args:
        w: Rows of outputs, float32 or int8.
        xscale: Of the input.
        precision: What is multiplied in.
        wscale: Of the weights: one for each output of int8, and none, or 1, of float32.
    """
    _check_weight_scale(w, wscale, precision)
    if xscale is not None and precision != INT8:
        raise ModelError(f"Xscale is given with precision {precision}; wanted it with {INT8} only")
    if precision == FLOAT32:
        return
    _check_products(f"precision {precision} with W", w)
    if w.dtype != np.int8 and not np.isfinite(w).all():
        raise ModelError(
            f"W holds a value that is not finite; wanted finite weights with precision {precision}"
        )


def _check_weight_scale(w: Array, wscale: Array | None, precision: str) -> None:
    if w.dtype != np.int8:
        if wscale is not None and not (wscale.size == 1 and wscale.item() == 1):
            raise ModelError(
                "Wscale is given with float32 W; wanted it with int8 W, or one element that is 1"
            )
        return
    if precision == FLOAT32:
        raise ModelError("W is int8 with precision float32; wanted precision int8 or int8_winograd")
    if wscale is None:
        raise ModelError("Wscale is missing; int8 W needs one scale per output")
    check_vector("Wscale", wscale, len(w))
    limits = np.finfo(np.float32)
    if not ((wscale >= limits.tiny) & (wscale <= limits.max / 128)).all():
        raise ModelError(
            "Wscale holds a value that is no scale; wanted positive normal numbers, finite if taken 128 times"
        )


def check_vector(name: str, values: Array, length: int) -> None:
    """ModelError unless `values` is float32 `[length]`."""
    _check_float(name, values)
    if values.shape != (length,):
        raise ModelError(f"{name} has shape {list(values.shape)}; wanted [{length}], one per output")


def check_residual(r: Array, shape: Sequence[int]) -> Array:
    """`r` ready to be added to `shape`: exactly that shape, or one element. ModelError otherwise."""
    _check_float("R", r)
    if r.size == 1:
        return r.reshape(())
    if r.shape != tuple(shape):
        raise ModelError(f"R has shape {list(r.shape)}; wanted {list(shape)} or one element")
    return r


def check_selection(s: Array, shape: Sequence[int]) -> None:
    """ModelError unless `s` is uint8 of exactly `shape`."""
    if s.dtype != np.uint8 or s.shape != tuple(shape):
        raise ModelError(f"S is {s.dtype} {list(s.shape)}; wanted uint8 {list(shape)}")


def refuse_places(s: Array, wrong: NDArray[np.bool_], wanted: str) -> None:
    """ModelError that names the first element of `s` where `wrong` is set, if there is one."""
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ModelError(f"S{list(where)} is {int(s[where])}; wanted {wanted}")


def _check_products(what: str, w: Array) -> None:
    products = int(np.prod(w.shape[1:]))
    if products > MAX_INT8_PRODUCTS:
        raise ModelError(
            f"{what} {list(w.shape)} sums {products} products; "
            f"wanted at most {MAX_INT8_PRODUCTS}, what a 32-bit sum can hold"
        )


def _check_float(name: str, values: Array) -> None:
    if values.dtype != np.float32:
        raise ModelError(f"{name} has type {values.dtype}; wanted float32")
