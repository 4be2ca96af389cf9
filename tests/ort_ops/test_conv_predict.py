"""SPLPredict on images against the reference: int8 to the bit, float where the score is clear of rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import conv_predict, conv_scores
from tests.ort_ops.strategies import ConvCase, conv_cases

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
SCALES = st.sampled_from((None, np.float32([0.02]), np.float32([0.03, 128])))


@MANY
@given(
    case=conv_cases(),
    xscale=SCALES,
    select_all=st.booleans(),
    threads=st.sampled_from((1, 2)),
    positive=st.booleans(),
)
def test_int8_is_equal_to_the_bit(
    isa: str, case: ConvCase, xscale: np.ndarray | None, select_all: bool, threads: int, positive: bool
) -> None:
    if positive:  # zero point 0, as behind a ReLU: zero units are skipped
        case.x = np.abs(case.x)
    wp, wscale = quantize_weights(case.w)
    tensors = (case.x, wp, case.b, wscale, xscale, case.r)
    want = conv_predict(
        *tensors,
        geometry=case.geometry,
        pooling=case.pooling,
        select_all=select_all,
    )
    got = _kernels.conv_predict(
        *tensors,
        **case.keywords,
        select_all=select_all,
        isa=isa,
        threads=threads,
    )
    np.testing.assert_array_equal(got, want)


@MANY
@given(case=conv_cases(), keep=st.sampled_from((0.2, 1.0)))
def test_float_agrees_where_scores_are_clear(isa: str, case: ConvCase, keep: float) -> None:
    wp = np.where(case.rng.random(case.w.shape) < keep, case.w, 0).astype(np.float32)
    scores = conv_scores(case.x, wp, case.b, None, None, case.r, geometry=case.geometry)
    got = _kernels.conv_predict(case.x, wp, case.b, None, None, case.r, **case.keywords, isa=isa)
    # A selection is right when it is what some scores within the rounding error would select.
    tolerance = case.tolerance()
    want = conv_predict(case.x, wp, case.b, None, None, case.r, geometry=case.geometry, pooling=case.pooling)
    for index in np.argwhere(got != want):
        best, chosen = window_scores(scores, case, tuple(index), int(got[tuple(index)]))
        assert max(best, 0.0) - chosen <= 2 * tolerance, f"{index}: chose {chosen}, best {best}"


def window_scores(
    scores: np.ndarray, case: ConvCase, index: tuple[int, ...], code: int
) -> tuple[float, float]:
    """Highest score of the window of output `index`, and the score of place `code - 1` (0 for code 0)."""
    n, py, px, o = index
    pool = case.pooling
    inside = {}
    for place in range(pool.kernel[0] * pool.kernel[1]):
        y = py * pool.strides[0] - pool.pads[0] + place // pool.kernel[1]
        x = px * pool.strides[1] - pool.pads[1] + place % pool.kernel[1]
        if 0 <= y < scores.shape[1] and 0 <= x < scores.shape[2]:
            inside[place] = float(scores[n, y, x, o])
    return max(inside.values()), inside[code - 1] if code else 0.0


def test_extreme_inputs_are_equal_to_the_bit(isa: str) -> None:
    """Not-a-number, infinities and denormals neither crash nor differ from the reference."""
    rng = np.random.default_rng(3)
    from spl_onnx.spec.attributes import ConvGeometry, Pooling

    w = rng.standard_normal((20, 3, 3, 18)).astype(np.float32)
    wp, wscale = quantize_weights(w)
    b = rng.standard_normal(20).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf, 1e-42, 3e38):
        x = rng.standard_normal((2, 9, 9, 18)).astype(np.float32)
        x[0, 4, 4, 7] = value
        want = conv_predict(x, wp, b, wscale, geometry=ConvGeometry(), pooling=Pooling((2, 2), (2, 2)))
        got = _kernels.conv_predict(x, wp, b, wscale, pool_kernel=[2, 2], pool_strides=[2, 2], isa=isa)
        np.testing.assert_array_equal(got, want)
