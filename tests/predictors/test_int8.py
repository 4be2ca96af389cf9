import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.errors import RuleError
from spl_onnx.predictors.int8 import build_int8
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import dynamic_scale
from spl_onnx.spec.reference import conv_predict, conv_scores, conv_srmm, gemm_scores
from tests.spec.cases import conv_cases, gemm_cases

F = np.float32


def test_by_hand():
    predictor = build_int8(F([[2.54, -1.27, 0], [0, 0, 0]]), F([1, 2]), threshold=[0.5, -1])
    assert predictor.wp.dtype == np.int8 and predictor.wp.tolist() == [[127, -64, 0], [0, 0, 0]]
    np.testing.assert_array_equal(predictor.wscale, [F(2.54) / F(127), 1])
    assert predictor.bp.dtype == np.float32 and predictor.bp.tolist() == [0.5, 3]
    assert predictor.xscale is None


def test_no_bias_is_zero_and_one_threshold_serves_all():
    assert build_int8(np.ones((3, 2), np.float32), threshold=0.25).bp.tolist() == [-0.25] * 3


def test_zeros_of_pruned_weights_stay_zero():
    w = F([[0.5, 0, -3, 0]])
    assert (build_int8(w).wp != 0).tolist() == [[True, False, True, False]]


def score_bound(products: int, largest: float, scale: np.ndarray, w: np.ndarray) -> float:
    """How far an int8 score may be from the exact one: half a step of each weight and input, per product.

    Inputs are off by at most 2 steps where the range ends between levels (see quantize), else by half a step.
    """
    step = np.abs(w).reshape(len(w), -1).max(axis=1).max() / 127
    weight, source = 0.51 * step, 2 * float(scale.max())
    return 1.01 * products * (weight * largest + source * float(abs(w).max()) + weight * source) + 1e-5


@settings(deadline=None, max_examples=60)
@given(conv_cases())
def test_image_scores_are_near_the_exact_values(case):
    predictor = build_int8(case.w, case.b)
    got = conv_scores(case.x, predictor.wp, predictor.bp, predictor.wscale, r=case.r, geometry=case.geometry)
    exact = conv_scores(case.x, case.w, case.b, r=case.r, geometry=case.geometry)
    scale, _ = dynamic_scale(case.x, (1, 2, 3))
    assert abs(got - exact).max() <= score_bound(case.w[0].size, abs(case.x).max(), scale, case.w)


@settings(deadline=None, max_examples=60)
@given(gemm_cases(), st.floats(-1, 1, width=32))
def test_threshold_moves_matrix_scores_down(case, threshold):
    plain, moved = build_int8(case.w, case.b), build_int8(case.w, case.b, threshold)
    np.testing.assert_array_equal(plain.wp, moved.wp)
    low = gemm_scores(case.x, moved.wp, moved.bp, moved.wscale)
    high = gemm_scores(case.x, plain.wp, plain.bp, plain.wscale)
    np.testing.assert_allclose(high - low, np.full_like(low, threshold), atol=1e-5 * (1 + abs(high).max()))


def test_agrees_with_the_exact_sign_almost_always():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((200, 256), np.float32), rng.standard_normal((32, 256), np.float32)
    predictor = build_int8(w)
    guess = gemm_scores(x, predictor.wp, predictor.bp, predictor.wscale) > 0
    assert ((x @ w.T > 0) == guess).mean() > 0.99


@pytest.mark.parametrize("shape", [(2, 65537), (1, 257, 256, 1)])
def test_too_many_products_are_refused_with_the_reason(shape):
    with pytest.raises(RuleError, match=r"6\d{4} products.*32-bit.*pruned"):
        build_int8(np.ones(shape, np.float32))
    assert build_int8(np.ones((1, 65536), np.float32)).wp.shape == (1, 65536)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((F([[1, np.nan]]),), "not finite"),
        ((F([1, 2]),), r"shape \[2\]"),
        ((np.zeros((2, 0), np.float32),), r"shape \[2, 0\]"),
        ((F([[1], [2]]), F([1])), r"bias has shape \[1\]; wanted one number or \[2\]"),
        ((F([[1], [2]]), None, F([1, 2, 3])), r"threshold has shape \[3\]"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(RuleError, match=message):
        build_int8(*arguments)


def test_selected_values_use_the_full_weights():
    # A predictor only selects: what it selects is computed from the float weights.
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((1, 6, 6, 8), np.float32), rng.standard_normal((4, 3, 3, 8), np.float32)
    layer = {"geometry": ConvGeometry(), "pooling": Pooling((2, 2), (2, 2))}
    predictor = build_int8(w)
    s = conv_predict(x, predictor.wp, predictor.bp, predictor.wscale, **layer)
    exact = conv_srmm(x, w, **layer, activation=Activation.relu())
    got = conv_srmm(x, w, s=s, **layer, activation=Activation.relu())
    assert (got <= exact).all() and (got == exact).mean() > 0.9
