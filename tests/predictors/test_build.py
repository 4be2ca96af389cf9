"""From settings to predictor weights, against the builders and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.errors import ModelError, RuleError, UsageError
from spl_onnx.predictors.build import predictor_weights, spread_inputs
from spl_onnx.predictors.int8 import build_int8
from spl_onnx.predictors.packed import pack, unpack
from spl_onnx.predictors.pruned import prune
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.predictors.weights import PredictorWeights

F = np.float32
W = np.random.default_rng(0).standard_normal((6, 3, 3, 4)).astype(np.float32)
B = np.arange(6, dtype=np.float32)


def assert_same(one, two) -> None:
    for name in ("wp", "bp", "wscale", "xscale"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize("threshold", [0.0, 0.25, [0.5, -1.0, 0.0, 1.0, 2.0, 3.0]])
def test_plain_settings_are_the_builders(threshold):
    assert_same(
        predictor_weights(W, B, SiteSettings(predictor="int8", threshold=threshold)),
        build_int8(W, B, threshold),
    )
    made = predictor_weights(W, B, SiteSettings(predictor="pruned", keep=0.3, threshold=threshold))
    assert_same(made, PredictorWeights(prune(W, 0.3), B - np.asarray(threshold, np.float32)))


def test_int8_is_pruned_first():
    made = predictor_weights(W, B, SiteSettings(predictor="int8", keep=0.25))
    kept = prune(W, 0.25)
    assert_same(made, build_int8(kept, B))
    assert (made.wp[kept == 0] == 0).all()


def test_correction_is_added_to_the_bias():
    correction = [0.5, 0.0, -0.25, 1.0, 2.0, 4.0]
    for predictor in ("int8", "pruned"):
        made = predictor_weights(W, B, SiteSettings(predictor=predictor, keep=0.5, correction=correction))
        np.testing.assert_array_equal(made.bp, (B + correction).astype(np.float32))


def test_importance_by_input_of_a_matrix():
    w, settings = F([[1, 5, -6]]), SiteSettings(predictor="pruned", keep=0.34, input_rms=[9, 3, 2])
    assert predictor_weights(w, None, settings).wp.tolist() == [[0, 5, 0]]


def test_importance_by_input_of_an_image_repeats_over_the_kernel():
    rms = [1.0, 10.0, 100.0, 1000.0]
    made = predictor_weights(np.ones_like(W), B, SiteSettings(predictor="pruned", keep=0.5, input_rms=rms))
    assert (made.wp[..., 2:] == 1).all() and (made.wp[..., :2] == 0).all()


def test_groups_see_their_own_inputs():
    w = np.ones((4, 1, 1, 2), np.float32)
    settings = SiteSettings(predictor="pruned", keep=0.5, input_rms=[1, 2, 4, 3])
    made = predictor_weights(w, None, settings).wp.reshape(4, 2)
    assert made.tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1))
def test_ties_of_repeated_weights_are_broken_to_the_exact_ratio(seed, keep):
    w = np.random.default_rng(seed).choice(F([-1, 0.5, 1]), (3, 2, 2, 5))
    made = predictor_weights(w, None, SiteSettings(predictor="pruned", keep=keep)).wp
    assert set(np.count_nonzero(made.reshape(3, -1), axis=1)) == {max(1, round(keep * 20))}


@pytest.mark.parametrize("predictor", ["pruned", "int8"])
def test_weights_of_its_own_are_what_is_multiplied(predictor):
    """Neither pruned again nor weighted; int8 rounds them."""
    own = np.where(np.arange(W.size).reshape(W.shape) % 3 == 0, -2 * W, F(0))
    text = pack(own)
    others = {"keep": 0.01, "input_rms": [1.0, 0, 0, 0], "correction": [1.0] * 6, "threshold": 0.5}
    made = predictor_weights(W, B, SiteSettings(predictor, weights=text, **others))
    wanted = unpack(text, W.shape)
    if predictor == "int8":
        assert_same(made, build_int8(wanted, B + 1, 0.5))
    else:
        np.testing.assert_array_equal(made.wp, wanted)
        np.testing.assert_array_equal(made.bp, B + F(0.5))


def test_static_scale():
    made = predictor_weights(W, B, SiteSettings(predictor="int8", xscale=[0.5, 3.0]))
    assert made.xscale.dtype == np.float32 and made.xscale.tolist() == [0.5, 3.0]
    with pytest.raises(ModelError, match="zero point"):
        predictor_weights(W, B, SiteSettings(predictor="int8", xscale=[0.5, 3.5]))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"keep": 0.0}, UsageError, "keep is 0"),
        ({"threshold": [1.0, 2.0]}, RuleError, r"threshold has shape \[2\]"),
        ({"correction": [1.0]}, RuleError, r"correction has shape \[1\]"),
        ({"input_rms": [1.0] * 3}, RuleError, r"input_rms has shape \[3\]"),
        ({"input_rms": [1.0] * 20}, RuleError, r"input_rms has shape \[20\]"),
        ({"weights": "AAAA"}, RuleError, r"damaged .* wanted \[6, 3, 3, 4\]"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        predictor_weights(W, B, SiteSettings("pruned", **settings))


def test_columns_of_a_matrix_have_no_groups():
    with pytest.raises(RuleError, match=r"wanted \[3\], one per column"):
        spread_inputs(np.ones(6), (4, 3))
