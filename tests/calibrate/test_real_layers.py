"""Predictors of layers of ResNet-18, against figures measured apart from this code, on 24 other images.

There one threshold in units of each channel's standard deviation served all channels; thresholds by expected
error must need less. Nothing can need less than exact scores do.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from onnx import numpy_helper

from spl_onnx.calibrate.reconstruct import reconstruct
from spl_onnx.calibrate.samples import SampleCollector, SiteSamples
from spl_onnx.calibrate.scores import exact_scores, predicted_scores
from spl_onnx.calibrate.site import Calibration, PredictorSpec, SiteCalibrator
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import constants, converted_sites
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.build import predictor_weights
from spl_onnx.spec.attributes import Activation
from spl_onnx.steps import rewrite_model
from tests.datasets import images, load_network

IMAGES, THEIR_IMAGES = 32, 24
EARLY, LATE = "layer1.0.relu1_out", "layer3.1.relu1_out"


@dataclass(frozen=True)
class Layer:
    samples: SiteSamples
    w: np.ndarray
    b: np.ndarray


@functools.cache
def layers(first: int = 0) -> dict[str, Layer]:
    """Two layers with samples of their inputs for the images from `first` on."""
    options = RewriteOptions(rules="all", lossless=True, no_verify=True)
    model = rewrite_model(load_network("resnet18"), options).model
    sites = {site.name: site for site in converted_sites(model) if site.name in (EARLY, LATE)}
    weights = {name: numpy_helper.to_array(tensor) for name, tensor in constants(model).items()}
    collectors = {n: SampleCollector(s.geometry, s.pooling, weights[s.w].shape) for n, s in sites.items()}
    names = [site.x for site in sites.values()]
    with extra_outputs(model, names, set()):
        session = create_session(model)
    x = images("resnet18", first + IMAGES)[0][first:]
    for start in range(0, IMAGES, 8):
        found = run(session, {model.graph.input[0].name: x[start : start + 8]}, names)
        for collector, value in zip(collectors.values(), found, strict=True):
            collector.add(value)
    biases = {
        node.name.rpartition("/")[0]: node.input[2] for node in model.graph.node if node.op_type == "SRMM"
    }
    return {n: Layer(collectors[n].finish(), weights[s.w], weights[biases[n]]) for n, s in sites.items()}


def calibrated(name: str, spec: PredictorSpec, errors: list[float | None]) -> list[Calibration]:
    layer = layers()[name]
    return SiteCalibrator(layer.samples, layer.w, layer.b, Activation.relu(), None).predict(spec, errors)


def deviations(name: str, made: Calibration) -> tuple[float, float]:
    """How far density and error may be from those of other images: 3 standard deviations."""
    layer = layers()[name]
    y = np.maximum(exact_scores(layer.samples, layer.w, layer.b)[:, 0], 0).astype(np.float64)
    p = predicted_scores(layer.samples, predictor_weights(layer.w, layer.b, made.settings))[:, 0]
    _, number = np.unique(layer.samples.image, return_inverse=True)
    count = np.bincount(number)
    density, energy, lost = (
        np.bincount(number, values.sum(axis=1)) for values in (p > 0, y**2, np.where(p > 0, 0, y**2))
    )
    density = density / count / y.shape[1]
    ratio = lost.sum() / energy.sum()
    of_lost = np.sqrt(np.square(lost - ratio * energy).sum()) / energy.sum()
    both = 3 * np.sqrt(1 + IMAGES / THEIR_IMAGES)
    # The error is the root of the ratio: half the relative deviation. Figures are rounded to two digits.
    of_error = of_lost / (2 * np.sqrt(ratio)) if ratio else 0.0
    return float(both * density.std() / np.sqrt(IMAGES)) + 0.005, float(both * of_error) + 0.005


@pytest.mark.parametrize(
    ("name", "spec", "density", "error"),
    [
        (EARLY, PredictorSpec("int8"), 0.60, 0.003),
        (EARLY, PredictorSpec("pruned", 0.2), 0.60, 0.11),
        (EARLY, PredictorSpec("pruned", 0.2, weighted=True), 0.60, 0.08),
        (LATE, PredictorSpec("int8"), 0.20, 0.001),
        (LATE, PredictorSpec("pruned", 0.2), 0.16, 0.24),
        (LATE, PredictorSpec("pruned", 0.3), 0.18, 0.13),
    ],
)
def test_threshold_zero(name, spec, density, error):
    (made,) = calibrated(name, spec, [None])
    of_density, of_error = deviations(name, made)
    assert of_density < 0.2 * density, "the comparison must say something"
    assert made.density == pytest.approx(density, abs=of_density)
    assert made.error == pytest.approx(error, abs=of_error)


@pytest.mark.parametrize(
    ("name", "spec", "one_threshold", "exact"),
    [
        (EARLY, PredictorSpec("pruned", 0.2), (0.74, 0.62, 0.51), (0.54, 0.51, 0.43)),
        (EARLY, PredictorSpec("pruned", 0.2, weighted=True), (0.67, 0.58, 0.48), (0.54, 0.51, 0.43)),
        (LATE, PredictorSpec("pruned", 0.2), (0.38, 0.29, 0.19), (0.16, 0.14, 0.11)),
        (LATE, PredictorSpec("pruned", 0.3), (0.27, 0.21, 0.14), (0.16, 0.14, 0.11)),
    ],
)
def test_share_of_outputs_for_an_error(name, spec, one_threshold, exact):
    errors = [0.05, 0.1, 0.2]
    found = calibrated(name, spec, errors)
    of_density, _ = deviations(name, calibrated(name, spec, [None])[0])
    for made, error, most, least in zip(found, errors, one_threshold, exact, strict=True):
        assert made.error == pytest.approx(error, rel=0.01)
        assert least - of_density <= made.density <= most + of_density


@pytest.mark.parametrize("name", [EARLY, LATE])
def test_fitted_weights_need_fewer_outputs(name):
    """A tenth of the layer fewer where a tenth is kept, and a twentieth where a fifth is.

    At the same error and price, on images that they were not fitted to.
    """
    layer, fit = layers()[name], layers(IMAGES)[name]
    keeps = (0.1, 0.2)
    fitted = reconstruct(fit.samples, layer.w, keeps)
    calibrator = SiteCalibrator(layer.samples, layer.w, layer.b, Activation.relu(), None, fitted)
    errors = [0.05, 0.1]
    densities = [
        [
            [made.density for made in calibrator.predict(spec, errors)]
            for spec in (PredictorSpec("pruned", keep, weighted=True, fitted=f) for f in (False, True))
        ]
        for keep in keeps
    ]
    for (pruned, better), fewer in zip(densities, (0.1, 0.05), strict=True):
        assert (np.subtract(pruned, better) > fewer).all(), densities


def test_one_threshold_of_int8_serves_all_channels():
    """It needs no more outputs than a threshold for each channel, from curves of the same scores."""
    one = calibrated(LATE, PredictorSpec("int8"), [0.05, 0.1, 0.2])
    each = calibrated(LATE, PredictorSpec("pruned", 1.0), [0.05, 0.1, 0.2])
    for a, b in zip(one, each, strict=True):
        assert a.settings.floor == a.settings.threshold > 0
        assert a.density <= b.density * 1.02
