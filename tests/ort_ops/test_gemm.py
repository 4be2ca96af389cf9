"""SRMM and SPLPredict on matrices against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.spec.attributes import Activation
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import gemm_predict, gemm_srmm
from tests.ort_ops.strategies import EPS, sparse_normal

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(max_examples=60, deadline=None)
SIZES = {
    "rows": st.sampled_from((0, 1, 2, 7, 130)),
    "k": st.sampled_from((1, 5, 16, 33, 64, 200)),
    "outputs": st.sampled_from((1, 15, 64, 65, 300)),
    "seed": st.integers(0, 2**32 - 1),
}


def operands(
    rows: int, k: int, outputs: int, seed: int
) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = sparse_normal(rng, (rows, k), 0.5)
    w = rng.standard_normal((outputs, k)).astype(np.float32)
    return rng, x, w, rng.standard_normal(outputs).astype(np.float32)


@MANY
@given(
    **SIZES,
    strategy=st.sampled_from(("auto", "select", "zero_skip", "dense")),
    residual=st.booleans(),
    selected=st.booleans(),
    transposed=st.booleans(),
)
def test_srmm_equals_the_reference(
    isa: str,
    rows: int,
    k: int,
    outputs: int,
    seed: int,
    strategy: str,
    residual: bool,
    selected: bool,
    transposed: bool,
) -> None:
    rng, x, w, b = operands(rows, k, outputs, seed)
    s = (rng.random((rows, outputs)) < 0.3).astype(np.uint8) if selected else None
    r = rng.standard_normal((rows, outputs)).astype(np.float32) if residual else np.zeros(1, np.float32)
    want = gemm_srmm(x, w, b, s, r, activation=Activation.clip(6.0))
    options = {"clip_max": 6.0, "strategy": strategy, "isa": isa, "transposed": transposed}
    got = _kernels.gemm_srmm(x, w.T.copy() if transposed else w, b, s, r, **options)
    bound = EPS * (k + 2) * (np.abs(x).max(initial=0) * np.abs(w).max() * k + np.abs(b).max() + 5)
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@MANY
@given(**SIZES, xscale=st.sampled_from((None, np.float32([0.02]), np.float32([0.03, 100]))))
def test_int8_predictor_is_equal_to_the_bit(
    isa: str, rows: int, k: int, outputs: int, seed: int, xscale: np.ndarray | None
) -> None:
    rng, x, w, b = operands(rows, k, outputs, seed)
    x *= rng.random((rows, 1), np.float32)  # rows have scales of their own
    wp, wscale = quantize_weights(w)
    r = rng.standard_normal((rows, outputs)).astype(np.float32)
    want = gemm_predict(x, wp, b, wscale, xscale, r)
    np.testing.assert_array_equal(_kernels.gemm_predict(x, wp, b, wscale, xscale, r, isa=isa), want)


@MANY
@given(**SIZES, selected=st.booleans(), transposed=st.booleans())
def test_a_row_alone_gives_the_same_bits(
    isa: str, rows: int, k: int, outputs: int, seed: int, selected: bool, transposed: bool
) -> None:
    rng, x, w, b = operands(rows, k, outputs, seed)
    if transposed:
        w = w.T.copy()
    s = (rng.random((rows, outputs)) < 0.3).astype(np.uint8) if selected else None
    together = _kernels.gemm_srmm(x, w, b, s, isa=isa, threads=2, transposed=transposed)
    for i in range(min(rows, 8)):
        part = None if s is None else s[i : i + 1]
        alone = _kernels.gemm_srmm(x[i : i + 1], w, b, part, isa=isa, transposed=transposed)
        np.testing.assert_array_equal(alone[0], together[i])


def test_a_code_above_one_is_refused(isa: str) -> None:
    _, x, w, b = operands(3, 16, 70, 0)
    s = np.zeros((3, 70), np.uint8)
    s[2, 68] = 2
    with pytest.raises(ValueError, match=r"\[2,68\]: got 2, wanted 0 or 1"):
        _kernels.gemm_srmm(x, w, b, s, isa=isa)
