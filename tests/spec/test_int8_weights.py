"""Weights of layers that are int8 with scales: what they stand for, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import INT8, INT8_WINOGRAD, Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import quantize_weights, weight_levels, weight_values
from spl_onnx.spec.reference import conv_qsrmm, conv_srmm, gemm_qsrmm, gemm_srmm
from tests.spec.byte_layers import XSCALE, YSCALE, some_bytes
from tests.spec.cases import floats

SITE: dict[str, Any] = {
    "geometry": ConvGeometry(pads=(1, 1, 1, 1)),
    "pooling": Pooling((2, 2), (2, 2)),
    "activation": Activation.none(),
}
RNG = np.random.default_rng(0)
X, W, B = floats(RNG, 2, 6, 6, 8), floats(RNG, 9, 3, 3, 8), floats(RNG, 9)
LEVELS, SCALES = quantize_weights(W)


def test_levels_are_taken_as_they_are() -> None:
    """Also where other ones would be made of the values: -128, and levels that end below 127."""
    levels = np.int8([[-128, 3], [5, 0]])
    scales = np.float32([0.5, 2])
    assert weight_levels(levels, scales)[0] is levels
    np.testing.assert_array_equal(weight_values(levels, scales), [[-64, 1.5], [10, 0]])
    x = np.float32([[1, 255]])
    got = gemm_srmm(
        x, levels, xscale=np.float32([1]), wscale=scales, activation=Activation.none(), precision=INT8
    )
    np.testing.assert_array_equal(got, [[(-128 + 3 * 255) * 0.5, 10]])
    turned = gemm_srmm(
        x, levels.T, None, None, None, np.float32([1]), scales,
        activation=Activation.none(), transposed=True, precision=INT8,
    )  # fmt: skip
    np.testing.assert_array_equal(turned, got)


def test_float32_weights_are_quantised_to_the_same() -> None:
    """A layer of float32 weights is that of their levels and scales."""
    for precision in (INT8,):
        want = conv_srmm(X, W, B, **SITE, precision=precision)
        np.testing.assert_array_equal(
            conv_srmm(X, LEVELS, B, wscale=SCALES, **SITE, precision=precision), want
        )
    x = some_bytes(1, *X.shape)
    codes = {"xscale": XSCALE, "yscale": YSCALE}
    want = conv_qsrmm(x, W, B, **codes, **SITE, precision=INT8)
    np.testing.assert_array_equal(
        conv_qsrmm(x, LEVELS, B, wscale=SCALES, **codes, **SITE, precision=INT8), want
    )
    rows, levels = some_bytes(2, 5, 72), LEVELS.reshape(9, 72)
    want = gemm_qsrmm(rows, W.reshape(9, 72), B, **codes, activation=Activation.relu())
    got = gemm_qsrmm(rows, levels, B, wscale=SCALES, **codes, activation=Activation.relu())
    np.testing.assert_array_equal(got, want)


def test_winograd_transforms_what_they_stand_for() -> None:
    values = weight_values(LEVELS, SCALES)
    want = conv_srmm(X, values, B, **SITE, precision=INT8_WINOGRAD)
    got = conv_srmm(X, LEVELS, B, wscale=SCALES, **SITE, precision=INT8_WINOGRAD)
    np.testing.assert_array_equal(got, want)
    assert (want != conv_srmm(X, W, B, **SITE, precision=INT8_WINOGRAD)).any()


def test_float32_weights_may_have_the_scale_1() -> None:
    one = np.ones(1, np.float32)
    for precision in ("float32", INT8, INT8_WINOGRAD):
        want = conv_srmm(X, W, B, **SITE, precision=precision)
        np.testing.assert_array_equal(conv_srmm(X, W, B, wscale=one, **SITE, precision=precision), want)


@pytest.mark.parametrize(
    ("w", "wscale", "precision", "message"),
    [
        (LEVELS, None, INT8, "Wscale is missing"),
        (LEVELS, SCALES, "float32", "W is int8 with precision float32; wanted precision int8"),
        (LEVELS, SCALES[:8], INT8, r"Wscale has shape \[8\]; wanted \[9\]"),
        (LEVELS, SCALES.astype(np.float64), INT8, "Wscale has type float64"),
        *((LEVELS, SCALES * np.float32(bad), INT8, "Wscale holds a value that is no scale")
          for bad in (0, -1, np.nan, np.inf, 1e-38, 3e38)),
        (W, SCALES, INT8, "Wscale is given with float32 W"),
        (W, np.float32([2]), INT8, "Wscale is given with float32 W"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    w: np.ndarray, wscale: np.ndarray | None, precision: str, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        conv_srmm(X, w, B, wscale=wscale, **SITE, precision=precision)
