import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Activation
from spl_onnx.spec.quantize import dynamic_scale, quantize_input, quantize_weights
from spl_onnx.spec.reference import gemm_predict, gemm_scores, gemm_srmm
from tests.spec.cases import EPS, gemm_cases
from tests.spec.dense import dense_gemm

F = np.float32


def srmm(case, s=None, activation=None, **options):
    return gemm_srmm(case.x, case.w, case.b, s, case.r, activation=activation or case.activation, **options)


@settings(deadline=None)
@given(gemm_cases())
def test_srmm_without_selection_is_the_dense_layer(case):
    wanted = dense_gemm(case)
    got = srmm(case)
    assert got.shape == wanted.shape and got.dtype == np.float32
    assert abs(got - wanted).max(initial=0) <= case.tolerance


@given(gemm_cases())
def test_weights_may_lie_in_either_order(case):
    transposed = gemm_srmm(case.x, case.w.T, case.b, r=case.r, activation=case.activation, transposed=True)
    np.testing.assert_array_equal(transposed, srmm(case))


@given(gemm_cases())
def test_selection_by_the_true_weights_loses_nothing(case):
    case = dataclasses.replace(case, activation=Activation.relu())
    s = gemm_predict(case.x, case.w, case.b, r=case.r)
    assert s.dtype == np.uint8 and set(np.unique(s)) <= {0, 1}
    np.testing.assert_array_equal(srmm(case, s), srmm(case))


@given(gemm_cases())
def test_what_is_not_selected_is_zero_and_the_rest_exact(case):
    s = gemm_predict(case.x, -case.w, case.b)
    result, exact = srmm(case, s), srmm(case)
    np.testing.assert_array_equal(result, np.where(s, exact, 0))


@given(gemm_cases(), st.floats(0.125, 2, width=32))
def test_floor_zeroes_small_values(case, floor):
    exact = srmm(case)
    truncated = srmm(case, activation=dataclasses.replace(case.activation, floor=floor))
    np.testing.assert_array_equal(truncated, np.where(exact <= F(floor), 0, exact))


@given(gemm_cases())
def test_int8_scores_are_the_written_operations_bit_for_bit(case):
    wp, wscale = quantize_weights(case.w)
    scale, zero_point = dynamic_scale(case.x, (-1,))
    q = quantize_input(case.x, scale, zero_point).astype(np.int64)
    w = wp.astype(np.int64)
    exact = q @ w.T - zero_point.astype(np.int64) * w.sum(axis=1)
    wanted = exact.astype(np.float32) * (scale * wscale) + case.b + case.r
    np.testing.assert_array_equal(gemm_scores(case.x, wp, case.b, wscale, r=case.r), wanted)


@given(gemm_cases(), st.sampled_from((None, F([0.05]), F([0.05, 20]))))
def test_int8_values_are_those_of_an_int8_predictor_of_the_weights(case, xscale):
    wp, wscale = quantize_weights(case.w)
    scores = gemm_scores(case.x, wp, case.b, wscale, xscale, case.r)
    got = srmm(case, activation=Activation.relu(), xscale=xscale, precision="int8")
    np.testing.assert_array_equal(got, np.maximum(scores, 0))


@given(gemm_cases())
def test_int8_values_are_near_those_of_float32(case):
    """Inputs are off by a step of 255 at the ends of their range, weights by half of 127; 8 roundings."""
    x, w = abs(case.x).max(initial=0), abs(case.w).max()
    inputs, weights = 2 * x / 255, w / 254
    bound = case.w.shape[1] * (inputs * (w + weights) + x * weights) * (1 + 8 * EPS) + case.tolerance
    assert abs(srmm(case, precision="int8") - srmm(case)).max(initial=0) <= bound


def test_clip_and_floor_by_hand():
    x = F([[-2], [0], [1], [1.5], [2], [9]])
    activation = Activation(-1, 4, floor=1.5)
    assert gemm_srmm(x, F([[1]]), activation=activation).ravel().tolist() == [0, 0, 0, 0, 2, 4]
    activation = Activation(-1, 4)
    assert gemm_srmm(x, F([[1]]), activation=activation).ravel().tolist() == [-1, 0, 1, 1.5, 2, 4]


def test_rows_have_their_own_scale():
    wp, wscale = np.array([[127]], np.int8), F([1])
    x = np.array([[1], [1000]], np.float32)
    together = gemm_scores(x, wp, F([0]), wscale)
    np.testing.assert_array_equal(together[:1], gemm_scores(x[:1], wp, F([0]), wscale))
    np.testing.assert_allclose(together, [[127], [127000]], rtol=1e-6)


def test_static_scale_clamps():
    wp, wscale = np.array([[1]], np.int8), F([1])
    x = np.array([[-5], [0], [300]], np.float32)
    assert gemm_scores(x, wp, F([0]), wscale, F([1, 3])).ravel().tolist() == [-3, 0, 252]


def test_scores_of_zero_and_not_a_number_are_trivial():
    x = np.array([[0], [np.nan], [np.inf], [-np.inf], [1]], np.float32)
    assert gemm_predict(x, F([[1]]), F([0])).ravel().tolist() == [0, 0, 1, 0, 1]


def test_residual_of_one_element_is_added_everywhere():
    x, w = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    result = gemm_srmm(x, w, r=F([0.5]), activation=Activation.none())
    assert (result == 3.5).all() and result.shape == (2, 4)


X, W = np.ones((2, 5, 4), np.float32), np.ones((6, 4), np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.ones((2, 5, 3), np.float32)}, r"X \[2, 5, 3\].*\[6, 4\]"),
        ({"x": np.float32(1)}, r"X \[\]"),
        ({"transposed": True}, r"X \[2, 5, 4\].*\[6, 4\]; wanted \[...,K\] and \[K,O\]"),
        ({"b": np.ones(5, np.float32)}, r"\[5\]; wanted \[6\]"),
        ({"r": np.ones((5, 6), np.float32)}, r"\[5, 6\]; wanted \[2, 5, 6\]"),
        ({"s": np.ones((2, 5, 4), np.uint8)}, r"\[2, 5, 4\]; wanted uint8 \[2, 5, 6\]"),
        ({"s": np.full((2, 5, 6), 2, np.uint8)}, r"S\[0, 0, 0\] is 2; wanted 0 or 1"),
    ],
)
def test_srmm_refuses_what_does_not_fit(changes, message):
    with pytest.raises(ModelError, match=message):
        gemm_srmm(**({"x": X, "w": W} | changes), activation=Activation.relu())


def test_int8_rows_longer_than_a_32_bit_sum_are_refused():
    x, wp = np.ones((1, 65537), np.float32), np.ones((1, 65537), np.int8)
    with pytest.raises(ModelError, match="65537 products"):
        gemm_predict(x, wp, F([0]), F([1]))
    with pytest.raises(ModelError, match=r"precision int8 with W \[1, 65537\] sums 65537 products"):
        gemm_srmm(x, x, activation=Activation.none(), precision="int8")
