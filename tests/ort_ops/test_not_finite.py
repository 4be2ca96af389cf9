"""Prediction on inputs that are not finite: the same selection as the reference, on every instruction set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import conv_predict, conv_srmm, gemm_predict

_kernels = pytest.importorskip("spl_onnx._kernels")

Array = NDArray[Any]
BAD = [np.nan, np.inf, -np.inf]
CHANNELS, FILTERS = 40, 24
PLACE = {"geometry": ConvGeometry(pads=(1, 1, 1, 1)), "pooling": Pooling((2, 2), (2, 2))}
GIVEN = {"pads": [1, 1, 1, 1], "pool_kernel": [2, 2], "pool_strides": [2, 2]}


def images(zeros: float, bad: float) -> Array:
    """Small integers, so that float32 sums are exact; one value of the first image is `bad`."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (2, 8, 8, CHANNELS)).astype(np.float32)
    x[rng.random(x.shape) < zeros] = 0
    x[0, 3, 3, 5] = bad
    return x


def weights() -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    w = rng.integers(-3, 4, (FILTERS, 3, 3, CHANNELS)).astype(np.float32)
    return w, rng.integers(-20, 20, FILTERS).astype(np.float32)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("zeros", [0.0, 0.95])
def test_images(isa: str, bad: float, zeros: float) -> None:
    """Few zeros and many take different algorithms."""
    x, (w, b) = images(zeros, bad), weights()
    wp, wscale = quantize_weights(w)
    for weight, scale in ((wp, wscale), (w, None)):
        got = _kernels.conv_predict(x, weight, b, scale, None, None, isa=isa, **GIVEN)
        np.testing.assert_array_equal(got, conv_predict(x, weight, b, scale, **PLACE))


@pytest.mark.parametrize("bad", BAD)
def test_matrices(isa: str, bad: float) -> None:
    x, (w, b) = images(0.5, bad).reshape(-1, CHANNELS), weights()
    w = np.ascontiguousarray(w[:, 1, 1])
    wp, wscale = quantize_weights(w)
    for weight, scale in ((wp, wscale), (w, None)):
        got = _kernels.gemm_predict(x, weight, b, scale, None, None, isa=isa)
        np.testing.assert_array_equal(got, gemm_predict(x, weight, b, scale))


@pytest.mark.parametrize("int8", [False, True])
def test_not_a_number_changes_the_selection_where_it_is_seen_only(isa: str, int8: bool) -> None:
    w, b = weights()
    weight, scale = quantize_weights(w) if int8 else (w, None)
    with_it, without = (
        np.asarray(_kernels.conv_predict(images(0.0, v), weight, b, scale, None, None, isa=isa, **GIVEN))
        for v in (np.nan, 0.0)
    )
    same = (with_it == without).all(axis=3)
    same[0, 1:3, 1:3] = True  # windows that see place (3, 3) through the 3 x 3 kernel
    assert same.all()


@pytest.mark.parametrize("bad", BAD)
def test_selected_values_elsewhere_are_not_touched(isa: str, bad: float) -> None:
    """What is selected beside the bad value is exact; where nothing is selected, not-a-number is 0."""
    x, (w, b) = images(0.0, bad), weights()
    s = conv_predict(images(0.0, 0.0), w, b, **PLACE)
    want = conv_srmm(images(0.0, 0.0), w, b, s, activation=Activation.relu(), **PLACE)
    options = {"isa": isa, "strategy": "select", "clip_min": 0.0, "clip_max": np.inf, "floor": 0.0}
    got = np.asarray(_kernels.conv_srmm(x, w, b, s, None, **options, **GIVEN))
    assert (got[s == 0] == 0).all()
    got[0, 1:3, 1:3] = want[0, 1:3, 1:3]
    np.testing.assert_array_equal(got, want)
