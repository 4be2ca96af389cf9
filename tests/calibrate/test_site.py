"""Calibration of whole sites: against the operators on other data, and against figures of a real layer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from spl_onnx.calibrate.samples import SampleCollector, SiteSamples
from spl_onnx.calibrate.site import (
    Calibration,
    PredictorSpec,
    SiteCalibrator,
    calibrate_errors,
)
from spl_onnx.errors import RuleError, UsageError
from spl_onnx.measure.sites import computed_outputs
from spl_onnx.options import Choice
from spl_onnx.predictors.build import predictor_weights
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.spec.attributes import Activation, Pooling
from spl_onnx.spec.reference import conv_predict, conv_scores, conv_srmm, gemm_predict
from tests.calibrate.layers import every_row, everything, synthetic
from tests.spec.cases import ConvCase, conv_cases, gemm_cases

INT8, PRUNED = PredictorSpec("int8"), PredictorSpec("pruned", 0.3)
SPECS = [
    INT8,
    PRUNED,
    PredictorSpec("int8", 0.3),
    PredictorSpec("pruned", 0.3, weighted=True),
]
POOLED = Pooling((3, 3), (2, 2), (1, 1, 1, 1))


def applied(case: ConvCase, pooling: Pooling, made: Calibration) -> tuple[np.ndarray, np.ndarray, float]:
    """Energy and squared error of each image, and density, of the operators with these settings."""
    layer = {"geometry": case.geometry, "pooling": pooling}
    floor = made.settings.floor or 0.0
    activation = Activation(0.0, np.inf, floor)
    full = conv_srmm(case.x, case.w, case.b, **layer, activation=Activation.relu()).astype(np.float64)
    places = conv_scores(case.x, case.w, case.b, geometry=case.geometry).shape
    s, density = None, 1.0
    if made.settings.predictor is not None:
        p = predictor_weights(case.w, case.b, made.settings)
        s = conv_predict(case.x, p.wp, p.bp, p.wscale, p.xscale, **layer)
        density = computed_outputs(s, pooling, places) / np.prod(places)
    got = conv_srmm(case.x, case.w, case.b, s, **layer, activation=activation)
    axes = (1, 2, 3)
    return np.square(full).sum(axis=axes), np.square(full - got).sum(axis=axes), density


def ratio_and_deviation(lost: np.ndarray, energy: np.ndarray) -> tuple[float, float]:
    """Share of the energy that is lost, and the standard deviation of this share over sets of such images."""
    ratio = lost.sum() / energy.sum()
    off = lost - ratio * energy
    return float(ratio), float(np.sqrt(np.square(off).sum()) / energy.sum())


def collected(case: ConvCase, pooling: Pooling, count: int = 4096) -> SiteSamples:
    collector = SampleCollector(case.geometry, pooling, case.w.shape, count=count)
    collector.add(case.x)
    return collector.finish()


@pytest.mark.parametrize("pooling", [Pooling.none(), POOLED])
@pytest.mark.parametrize("spec", SPECS)
def test_other_images_confirm_error_and_density(spec, pooling):
    """64 images to calibrate, 64 others to judge. Deviations are those of the judged set, for both sets."""
    case, judged = (synthetic(seed=seed, count=64 * 144, images=64, weights_seed=7) for seed in (0, 1))
    samples = collected(case, pooling)
    error = 0.25
    (made,) = calibrate_errors(samples, case.w, case.b, case.activation, pooling, spec, [error])
    assert made.error <= error * 1.000001
    energy, lost, density = applied(judged, pooling, made)
    ratio, deviation = ratio_and_deviation(lost, energy)
    # The samples are a part of the 64 images: their own deviation comes on top.
    sampling = deviation * np.sqrt(1 + 64 * 144 / len(samples))
    assert abs(ratio - made.error**2) <= 5 * (deviation + sampling)
    # At worst all channels of a place are computed together: a draw per sample.
    assert abs(density - made.density) <= 5 * np.sqrt(density * (1 - density) / len(samples))


@pytest.mark.parametrize("spec", SPECS)
def test_settings_apply_again_without_data(spec):
    case = synthetic()
    samples = collected(case, Pooling.none())
    for made in calibrate_errors(samples, case.w, case.b, case.activation, None, spec, [None, 0.0, 0.1]):
        made.settings.validate(Choice.PREDICT, "here")
        one = predictor_weights(case.w, case.b, made.settings)
        two = predictor_weights(
            case.w, case.b, SiteSettings.from_json(json.loads(json.dumps(made.settings.as_json())), "here")
        )
        for name in ("wp", "bp", "wscale", "xscale"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert made.kept == np.count_nonzero(one.wp) / one.wp.size


@settings(deadline=None, max_examples=60)
@given(conv_cases())
def test_threshold_zero_of_all_outputs_is_the_operator(case):
    """All windows sampled, odd shapes, groups, residuals: density and error are those of the whole layer."""
    activation = Activation.relu()
    (made,) = calibrate_errors(everything(case), case.w, case.b, activation, case.pooling, INT8, [0.0])
    assert made.settings == SiteSettings(predictor="int8")
    p = predictor_weights(case.w, case.b, made.settings)
    layer = {"geometry": case.geometry, "pooling": case.pooling}
    s = conv_predict(case.x, p.wp, p.bp, p.wscale, r=case.r, **layer)
    full = conv_srmm(case.x, case.w, case.b, None, case.r, **layer, activation=activation)
    got = conv_srmm(case.x, case.w, case.b, s, case.r, **layer, activation=activation)
    places = conv_scores(case.x, case.w, case.b, geometry=case.geometry).shape
    assert made.density == computed_outputs(s, case.pooling, places) / np.prod(places)
    energy = float(np.square(full, dtype=np.float64).sum())
    error = np.sqrt(np.square(full - got, dtype=np.float64).sum() / energy) if energy else 0.0
    # Squares of values that differ by rounding; a relative error is at least as uncertain as one output.
    assert made.error == pytest.approx(error, abs=1e-3 + 10 * case.tolerance)


@settings(deadline=None, max_examples=30)
@given(gemm_cases())
def test_threshold_zero_of_all_rows_is_the_operator(case):
    (made,) = calibrate_errors(every_row(case), case.w, case.b, Activation.relu(), None, INT8, [None])
    p = predictor_weights(case.w, case.b, SiteSettings("int8"))
    assert made.density == gemm_predict(case.x, p.wp, p.bp, p.wscale, r=case.r).mean()


@settings(deadline=None, max_examples=30)
@given(conv_cases())
def test_outputs_below_zero_need_every_window(case):
    (made,) = calibrate_errors(
        everything(case), case.w, case.b, Activation.none(), case.pooling, PRUNED, [0.5]
    )
    assert made.settings.threshold is None and made.settings.floor is None
    p = predictor_weights(case.w, case.b, made.settings)
    layer = {"geometry": case.geometry, "pooling": case.pooling}
    s = conv_predict(case.x, p.wp, p.bp, r=case.r, **layer, select_all=True)
    places = conv_scores(case.x, case.w, case.b, geometry=case.geometry).shape
    assert made.density == computed_outputs(s, case.pooling, places) / np.prod(places)


def test_more_error_skips_more():
    case = synthetic()
    calibrator = SiteCalibrator(collected(case, POOLED), case.w, case.b, case.activation, POOLED)
    for spec in SPECS:
        found = calibrator.predict(spec, [0.05, 0.1, 0.2, 0.4])
        assert (np.diff([made.density for made in found]) <= 0).all()
        assert (np.diff([made.zeros for made in found]) >= 0).all()


def test_no_predictor_is_better_than_nearly_exact_scores():
    """The least share of outputs for an error is that of the largest ones, which int8 picks."""
    case = synthetic()
    calibrator = SiteCalibrator(collected(case, Pooling.none()), case.w, case.b, case.activation, None)
    best = calibrator.predict(INT8, [0.1, 0.3])
    for spec in SPECS[1:]:
        for made, least in zip(calibrator.predict(spec, [0.1, 0.3]), best, strict=True):
            assert made.density >= least.density - 0.005
    ratios = [PredictorSpec("pruned", keep) for keep in (0.1, 0.3, 0.6, 1.0)]
    assert (np.diff([calibrator.predict(spec, [0.2])[0].density for spec in ratios]) < 0).all()


def test_mean_correction_is_the_mean_of_what_is_dropped():
    case = synthetic()
    samples = collected(case, Pooling.none(), count=1 << 14)
    (made,) = calibrate_errors(samples, case.w, case.b, case.activation, None, PRUNED, [None])
    without = replace(made.settings, correction=None)
    p = predictor_weights(case.w, case.b, without)
    exact = conv_scores(case.x, case.w, case.b, geometry=case.geometry)
    dropped = (exact - conv_scores(case.x, p.wp, p.bp, geometry=case.geometry)).reshape(-1, len(case.w))
    # All places are sampled; settings have six digits.
    np.testing.assert_allclose(made.settings.correction, dropped.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_weighted_importance_uses_the_input():
    case = synthetic()
    samples = collected(case, Pooling.none())
    (made,) = calibrate_errors(samples, case.w, case.b, case.activation, None, SPECS[3], [None])
    rms = np.sqrt(np.square(case.x, dtype=np.float64).mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(made.settings.input_rms, rms, rtol=1e-5)


def test_floors():
    case = synthetic()
    samples = collected(case, POOLED)
    calibrator = SiteCalibrator(samples, case.w, case.b, case.activation, POOLED)
    found = calibrator.truncate([0.0, 0.1, 0.3])
    assert found[0].settings == SiteSettings(floor=0.0) and found[0].error == 0
    for made, error in zip(found[1:], (0.1, 0.3), strict=True):
        made.settings.validate(Choice.TRUNCATE, "here")
        energy, lost, density = applied(case, POOLED, made)
        ratio, deviation = ratio_and_deviation(lost, energy)
        assert made.error <= error * 1.000001 and density == made.density == 1.0
        # The last output that fits is a small part of the whole.
        assert made.error >= 0.99 * error
        assert abs(ratio - made.error**2) <= 5 * deviation
    assert found[0].zeros < found[1].zeros < found[2].zeros


def test_a_floor_of_outputs_below_zero_is_refused():
    case = synthetic()
    with pytest.raises(RuleError, match="clipped at -inf; wanted 0"):
        SiteCalibrator(collected(case, POOLED), case.w, case.b, Activation.none(), POOLED).truncate([0.1])


def test_bad_ratio_is_refused():
    case, spec = synthetic(), PredictorSpec("pruned", 0.0)
    with pytest.raises(UsageError, match="keep is 0"):
        calibrate_errors(collected(case, POOLED), case.w, case.b, case.activation, POOLED, spec, [0.1])
