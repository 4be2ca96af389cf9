"""Batches without images, images without pixels, and images smaller than kernel and window."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import conv_predict, conv_srmm, gemm_predict, gemm_srmm, global_average, max_pool

_kernels = pytest.importorskip("spl_onnx._kernels")

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
CHANNELS, FILTERS = 18, 20
SIZES = ((0, 6, 6), (2, 0, 6), (2, 6, 0), (2, 0, 0), (2, 1, 1), (2, 2, 5), (2, 1, 9))
#: Kernel, strides, dilations: those of every algorithm.
LAYERS = ((1, 1, 1), (1, 2, 1), (2, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 2), (5, 1, 1), (7, 2, 1))
WINDOWS = (
    Pooling.none(),
    Pooling((2, 2), (2, 2)),
    Pooling((3, 3), (2, 2), (1, 1, 1, 1), True),
    Pooling((3, 3), (1, 1)),
    Pooling((5, 5), (3, 3)),
)


def keywords(geometry: ConvGeometry, pooling: Pooling) -> dict[str, Any]:
    return {
        "strides": list(geometry.strides),
        "pads": list(geometry.pads),
        "dilations": list(geometry.dilations),
        "group": geometry.group,
        "pool_kernel": list(pooling.kernel),
        "pool_strides": list(pooling.strides),
        "pool_pads": list(pooling.pads),
        "pool_ceil": pooling.ceil,
    }


def outcome(call: Any, *args: Any, **options: Any) -> Array | None:
    """What a call returns; None where it refuses."""
    try:
        return np.asarray(call(*args, **options))
    except (ModelError, ValueError):
        return None


def assert_same(got: Array | None, want: Array | None, tolerance: float = 0) -> None:
    assert (got is None) == (want is None)
    if got is not None and want is not None:
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


@pytest.mark.parametrize("pad", [0, 1, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_images_equal_the_reference(isa: str, layer: tuple[int, int, int], pad: int) -> None:
    kernel, stride, dilation = layer
    geometry = ConvGeometry((stride, stride), (pad,) * 4, (dilation, dilation))
    rng = np.random.default_rng(0)
    w = rng.standard_normal((FILTERS, kernel, kernel, CHANNELS)).astype(np.float32)
    b = rng.standard_normal(FILTERS).astype(np.float32)
    wp, wscale = quantize_weights(w)
    for size, pooling in itertools.product(SIZES, WINDOWS):
        x = rng.standard_normal((*size, CHANNELS)).astype(np.float32)
        place = {"geometry": geometry, "pooling": pooling}
        given = keywords(geometry, pooling)
        scored = outcome(conv_predict, x, wp, b, wscale, **place)
        assert_same(outcome(_kernels.conv_predict, x, wp, b, wscale, None, None, isa=isa, **given), scored)
        s = outcome(conv_predict, x, w, b, select_all=True, **place)
        tolerance = 2 * EPS * w[0].size * 25  # magnitudes are below 5
        for selection, strategy in itertools.product((None, s), ("auto", "select", "zero_skip", "dense")):
            options = {"isa": isa, "strategy": strategy, "clip_min": 0.0, "clip_max": np.inf, "floor": 0.0}
            want = outcome(conv_srmm, x, w, b, selection, activation=Activation.relu(), **place)
            got = outcome(_kernels.conv_srmm, x, w, b, selection, None, **options, **given)
            assert_same(got, want, tolerance)


def test_pooling_equals_the_reference(isa: str) -> None:
    for size, pooling in itertools.product((*SIZES, (0, 0, 3)), WINDOWS[1:]):
        x = np.random.default_rng(0).standard_normal((*size, CHANNELS)).astype(np.float32)
        given = {name: v for name, v in keywords(ConvGeometry(), pooling).items() if "pool" in name}
        assert_same(outcome(_kernels.max_pool, x, isa=isa, **given), outcome(max_pool, x, pooling))
        assert_same(outcome(_kernels.global_average, x, isa=isa), outcome(global_average, x), 10 * EPS)


@pytest.mark.parametrize("selected", [False, True])
def test_matrices_without_rows(isa: str, selected: bool) -> None:
    x, w = np.ones((0, 5), np.float32), np.ones((7, 5), np.float32)
    s = np.ones((0, 7), np.uint8) if selected else None
    got = outcome(_kernels.gemm_srmm, x, w, None, s, None, isa=isa)
    assert_same(got, outcome(gemm_srmm, x, w, None, s, activation=Activation.relu()))
    b = np.zeros(7, np.float32)
    assert_same(outcome(_kernels.gemm_predict, x, w, b, None, None, None, isa=isa), gemm_predict(x, w, b))
