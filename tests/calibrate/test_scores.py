"""Scores at samples against the reference of the operators."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.calibrate.samples import SampleCollector
from spl_onnx.calibrate.scores import exact_scores, mean_inputs, predicted_scores
from spl_onnx.predictors.build import predictor_weights
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.spec.attributes import ConvGeometry
from spl_onnx.spec.reference import conv_scores, gemm_scores
from tests.calibrate.layers import EVERYTHING, every_row
from tests.spec.cases import conv_cases, floats, gemm_cases


def places(case):
    """All outputs of a layer as blocks of one place."""
    collector = SampleCollector(case.geometry, None, case.w.shape, count=EVERYTHING)
    collector.add(case.x, case.r)
    return collector.finish()


def rows(scores: np.ndarray) -> np.ndarray:
    """Scores as a sorted set of rows, for samples are in random order."""
    return np.sort(scores.reshape(-1, scores.shape[-1]), axis=0)


@settings(deadline=None, max_examples=60)
@given(conv_cases(), st.sampled_from([None, [0.02, 128.0]]), st.sampled_from([1.0, 0.4]))
def test_int8_scores_are_the_operators_bits(case, xscale, keep):
    made = predictor_weights(case.w, case.b, SiteSettings("int8", keep, xscale=xscale))
    exact = conv_scores(case.x, made.wp, made.bp, made.wscale, made.xscale, case.r, geometry=case.geometry)
    np.testing.assert_array_equal(rows(predicted_scores(places(case), made)), rows(exact))


@settings(deadline=None, max_examples=40)
@given(gemm_cases())
def test_int8_scores_of_matrices_are_the_operators_bits(case):
    made = predictor_weights(case.w, case.b, SiteSettings("int8"))
    exact = gemm_scores(case.x, made.wp, made.bp, made.wscale, r=case.r)
    np.testing.assert_array_equal(rows(predicted_scores(every_row(case), made)), rows(exact))


def test_long_int8_sums_are_exact():
    """Sums beyond 2^24 do not fit float32; all products are of one sign, the worst case."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1, (6, 4000)).astype(np.float32)
    w = rng.uniform(0.5, 1, (5, 4000)).astype(np.float32)
    collector = SampleCollector(None, None, w.shape)
    collector.add(x)
    made = predictor_weights(w, None, SiteSettings("int8"))
    exact = gemm_scores(x, made.wp, made.bp, made.wscale)
    np.testing.assert_array_equal(rows(predicted_scores(collector.finish(), made)), rows(exact))


@settings(deadline=None, max_examples=60)
@given(conv_cases())
def test_float_scores_agree_with_the_operators(case):
    made = predictor_weights(case.w, case.b, SiteSettings("pruned", 0.5))
    for got, weights, bias in (
        (predicted_scores(places(case), made), made.wp, made.bp),
        (exact_scores(places(case), case.w, case.b), case.w, case.b),
    ):
        exact = conv_scores(case.x, weights, bias, r=case.r, geometry=case.geometry)
        np.testing.assert_allclose(rows(got), rows(exact), atol=2 * case.tolerance)


@pytest.mark.parametrize("group", [1, 2])
def test_mean_inputs_make_mean_scores(group):
    rng = np.random.default_rng(0)
    x, w = floats(rng, 3, 9, 9, 4), floats(rng, 6, 3, 3, 4 // group)
    geometry = ConvGeometry(pads=(1, 0, 1, 0), group=group)
    collector = SampleCollector(geometry, None, w.shape, count=EVERYTHING)
    collector.add(x)
    mean = mean_inputs(collector.finish())
    got = np.einsum("gok,gk->go", w.reshape(group, 6 // group, -1).astype(np.float64), mean).reshape(-1)
    exact = conv_scores(x, w, np.zeros(6, np.float32), geometry=geometry)
    np.testing.assert_allclose(got, exact.reshape(-1, 6).mean(axis=0, dtype=np.float64), atol=1e-5)
