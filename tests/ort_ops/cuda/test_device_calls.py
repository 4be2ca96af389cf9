"""The functions that benchmarks call give what the harness gives; here device memory is that of NumPy."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from scripts.bench_cuda import address
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import conv_predict, conv_srmm, gemm_predict, gemm_srmm
from tests.ort_ops.cuda.harness import Harness

RNG = np.random.default_rng(0)


class Device:
    """The functions by name; sizes come back as numbers, problems as exceptions."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library

    def room(self, name: str, sizes: np.ndarray) -> np.ndarray:
        function = getattr(self.library, f"device_{name}")
        function.restype = ctypes.c_int64
        return np.zeros(max(function(address(sizes)), 16) + 16, np.uint8)

    def call(self, name: str, *values: Any) -> None:
        function = getattr(self.library, f"device_{name}")
        function.restype = ctypes.c_char_p
        problem = function(*[address(value) for value in values], None)
        assert problem == b""


@pytest.fixture
def calls(emulated: Harness) -> Device:
    return Device(emulated.library)


def test_matrices(calls: Device) -> None:
    x = np.maximum(RNG.standard_normal((3, 100)), 0).astype(np.float32)
    w, b = RNG.standard_normal((70, 100)).astype(np.float32), RNG.standard_normal(70).astype(np.float32)
    chosen = (RNG.random((3, 70)) < 0.3).astype(np.uint8)
    wp, wscale = quantize_weights(w)
    sizes = {int8: np.array([3, 100, 70, 0, int8], np.int64) for int8 in (0, 1)}
    scratch = calls.room("gemm_scratch", sizes[0])
    columns = {int8: calls.room("columns_bytes", sizes[int8]) for int8 in (0, 1)}
    calls.call("make_columns", sizes[0], w, columns[0])
    calls.call("make_columns", sizes[1], wp, columns[1])
    for s in (None, chosen):
        y = np.full((3, 70), 77, np.float32)
        calls.call("gemm_srmm", sizes[0], x, w, columns[0], b, s, scratch, y)
        want = gemm_srmm(x, w, b, s, activation=Activation.relu())
        np.testing.assert_allclose(y, want, rtol=0, atol=1e-4)
    s = np.full((3, 70), 77, np.uint8)
    calls.call("gemm_predict", sizes[1], x, columns[1], b, wscale, scratch, s)
    np.testing.assert_array_equal(s, gemm_predict(x, wp, b, wscale))


def test_images(calls: Device) -> None:
    x = np.maximum(RNG.standard_normal((1, 9, 9, 8)), 0).astype(np.float32)
    w, b = RNG.standard_normal((20, 3, 3, 8)).astype(np.float32), RNG.standard_normal(20).astype(np.float32)
    wp, wscale = quantize_weights(w)
    sizes = np.array([*x.shape, *w.shape, 1, 1], np.int64)
    packed, scratch = calls.room("packed_bytes", sizes), calls.room("conv_scratch", sizes)
    calls.call("pack_filters", sizes, wp, packed)
    place = {"geometry": ConvGeometry(pads=(1, 1, 1, 1)), "pooling": Pooling.none()}
    s = np.full((1, 9, 9, 20), 77, np.uint8)
    calls.call("conv_predict", sizes, x, packed, b, wscale, scratch, s)
    np.testing.assert_array_equal(s, conv_predict(x, wp, b, wscale, **place))
    for selection in (None, s):
        y = np.full((1, 9, 9, 20), 77, np.float32)
        calls.call("conv_srmm", sizes, x, w, b, selection, scratch, y)
        want = conv_srmm(x, w, b, selection, activation=Activation.relu(), **place)
        np.testing.assert_allclose(y, want, rtol=0, atol=1e-4)
