"""Weights fitted to the inputs of a layer, against solutions of the same equations by other means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spl_onnx.calibrate.reconstruct import reconstruct
from spl_onnx.calibrate.samples import SampleCollector
from spl_onnx.calibrate.scores import exact_scores, predicted_scores
from spl_onnx.calibrate.site import PredictorSpec, SiteCalibrator
from spl_onnx.errors import RuleError, UsageError
from spl_onnx.predictors.build import predictor_weights
from spl_onnx.predictors.packed import unpack
from spl_onnx.predictors.pruned import kept_count, prune
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling

KEEPS = (0.1, 0.25, 0.5, 1.0)


def correlated(rows, inputs, seed=0, factors=6):
    """Inputs that a few hidden ones explain for the most part, as in networks; none below 0."""
    rng = np.random.default_rng(seed)
    mixed = np.random.default_rng(99).standard_normal((factors, inputs))
    made = rng.standard_normal((rows, factors)) @ mixed + 0.3 * rng.standard_normal((rows, inputs))
    return np.maximum(made, 0).astype(np.float32)


def matrix_samples(x, outputs):
    collector = SampleCollector(None, None, (outputs, x.shape[1]), count=len(x))
    collector.add(x)
    return collector.finish()


def weights(outputs, inputs, seed=1):
    return np.random.default_rng(seed).standard_normal((outputs, inputs)).astype(np.float32)


def error(x, w, made):
    """Relative error of each output, apart from its mean."""
    off, full = x @ (w - made).T, x @ w.T
    return (off - off.mean(0)).std(0) / full.std(0)


@pytest.mark.parametrize("inputs", [1, 7, 48, 131])
def test_as_many_weights_as_wanted_of_every_filter(inputs):
    w = weights(9, inputs)
    made = reconstruct(matrix_samples(correlated(600, inputs), 9), w, KEEPS)
    assert set(made) == set(KEEPS)
    for keep, values in made.items():
        assert values.shape == w.shape and values.dtype == np.float32
        assert (np.count_nonzero(values, axis=1) <= kept_count(inputs, keep)).all()
        assert np.count_nonzero(values) >= 0.9 * 9 * kept_count(inputs, keep)
    np.testing.assert_allclose(made[1.0], w, rtol=1e-6)


def test_each_filter_is_near_the_best_values_for_what_it_keeps():
    """Solved exactly by least squares with the same ridge."""
    x, w = correlated(2000, 60), weights(8, 60)
    centred = x - x.mean(0)
    spread = centred.std(0)
    for keep, made in reconstruct(matrix_samples(x, 8), w, (0.2, 0.4)).items():
        for row, target in zip(made, w, strict=True):
            kept = row != 0
            # A ridge of .1 in units of the spread is .1 * n more rows, one per input.
            ridge = np.sqrt(0.1 * len(x)) * np.diag(spread)
            rows = np.concatenate([centred, ridge])
            best = np.linalg.lstsq(rows[:, kept], rows @ target, rcond=None)[0]
            scale = np.linalg.norm(rows @ target)
            least, ours = (np.linalg.norm(rows @ target - rows[:, kept] @ v) for v in (best, row[kept]))
            assert least <= ours * (1 + 1e-5) and ours - least < 0.002 * scale, keep


def test_other_inputs_confirm_that_it_is_better_than_to_prune():
    """By far, also than to prune once and fit what is left."""
    x, other, w = correlated(3000, 96), correlated(1000, 96, seed=5), weights(24, 96)
    samples = matrix_samples(x, 24)
    rms = np.sqrt(np.square(x).mean(0))
    centred = x - x.mean(0)
    for keep in (0.1, 0.25):
        ours = reconstruct(samples, w, (keep,))[keep]
        plain = prune(w, keep, rms)
        once = np.zeros_like(w)
        for o, kept in enumerate(plain != 0):
            once[o, kept] = np.linalg.lstsq(centred[:, kept], centred @ w[o], rcond=None)[0]
        of_plain, of_once, found = (np.mean(error(other, w, v)) for v in (plain, once, ours))
        assert found < 0.5 * of_plain and found < 0.9 * of_once, (of_plain, of_once, found)


def test_all_shares_come_from_one_way_down():
    samples, w = matrix_samples(correlated(500, 40), 5), weights(5, 40)
    made = reconstruct(samples, w, (0.2, 0.5))
    assert ((made[0.2] != 0) <= (made[0.5] != 0)).all()
    np.testing.assert_array_equal(reconstruct(samples, w, (0.5,))[0.5], made[0.5])


def test_groups_are_fitted_to_their_own_inputs():
    """As two layers of their own."""
    x = correlated(40 * 16, 12).reshape(40, 4, 4, 12)
    w = weights(6, 3 * 3 * 6).reshape(6, 3, 3, 6)
    geometry = ConvGeometry(pads=(1, 1, 1, 1))

    def made(x, w, group):
        collector = SampleCollector(replace(geometry, group=group), None, w.shape, count=640)
        collector.add(x)
        return reconstruct(collector.finish(), w, (0.3,))[0.3]

    halves = [made(np.ascontiguousarray(x[..., 6 * i : 6 * i + 6]), w[3 * i : 3 * i + 3], 1) for i in (0, 1)]
    np.testing.assert_allclose(made(x, w, 2), np.concatenate(halves), rtol=1e-4, atol=1e-5)


def test_inputs_that_never_change_are_left_out_first():
    x = correlated(400, 20)
    x[:, 3] = 0.0
    x[:, 11] = 2.0
    made = reconstruct(matrix_samples(x, 4), weights(4, 20), (0.6,))[0.6]
    assert (made[:, [3, 11]] == 0).all() and np.isfinite(made).all()


def test_one_place_only():
    """Nothing is known of how inputs vary; the result is of no use but is a result."""
    made = reconstruct(matrix_samples(correlated(1, 16), 3), weights(3, 16), (0.25,))[0.25]
    assert np.isfinite(made).all() and (np.count_nonzero(made, axis=1) <= 4).all()


@pytest.mark.parametrize("keep", [0.0, 1.5, -1.0])
def test_a_share_out_of_range(keep):
    with pytest.raises(UsageError, match="keep is"):
        reconstruct(matrix_samples(correlated(50, 8), 2), weights(2, 8), (keep,))


def test_numbers_too_large_for_a_fit():
    x = correlated(50, 8) * np.float32(1e30)
    with pytest.raises(RuleError, match="too large"):
        reconstruct(matrix_samples(x, 2), weights(2, 8), (0.5,))


def test_settings_say_what_was_judged():
    """The calibration judges the weights that the settings hold, and thresholds come with them."""
    x, w, b = correlated(3000, 64), weights(16, 64), np.linspace(-1, 1, 16).astype(np.float32)
    samples = matrix_samples(x, 16)
    fitted = reconstruct(matrix_samples(correlated(3000, 64, seed=3), 16), w, (0.25,))
    calibrator = SiteCalibrator(samples, w, b, Activation.relu(), Pooling.none(), fitted)
    plain, ours = (PredictorSpec("pruned", 0.25, weighted=True, fitted=f) for f in (False, True))
    (before,), (after,) = calibrator.predict(plain, [0.1]), calibrator.predict(ours, [0.1])
    assert before.settings.weights is None and after.settings.input_rms is None
    np.testing.assert_allclose(unpack(after.settings.weights, w.shape), fitted[0.25], atol=2e-3)
    assert after.kept == pytest.approx(0.25) and after.error <= 0.1
    assert after.density < 0.9 * before.density
    predictor = predictor_weights(w, b, after.settings)
    scores, exact = predicted_scores(samples, predictor)[:, 0], exact_scores(samples, w, b)[:, 0]
    assert np.mean(scores > 0) == pytest.approx(after.density, abs=0.01), "bp is less the threshold"
    lost = np.where(scores > 0, 0, np.maximum(exact, 0))
    found = np.linalg.norm(lost) / np.linalg.norm(np.maximum(exact, 0))
    assert found == pytest.approx(after.error, abs=0.01)


def test_a_share_that_was_not_fitted_is_pruned():
    samples, w = matrix_samples(correlated(300, 32), 4), weights(4, 32)
    calibrator = SiteCalibrator(samples, w, None, Activation.relu(), None, {0.5: w})
    (made,) = calibrator.predict(PredictorSpec("pruned", 0.25, weighted=True, fitted=True), [None])
    assert made.settings.weights is None and made.settings.input_rms is not None
