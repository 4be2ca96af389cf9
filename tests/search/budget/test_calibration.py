"""Samples of every site's input in the exact network."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.calibrate.site import PredictorSpec
from spl_onnx.errors import RuleError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.search.budget.calibration import Fitting, site_layers
from spl_onnx.search.network.segments import cut
from tests.search.network.networks import (
    NETWORKS,
    base,
    branches,
    configured,
    feeds,
    itself_added,
    matrices,
    residual,
    sequential,
)


def layers(model, *sizes):
    return list(site_layers(cut(base(model)), feeds(model, *sizes)))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_site_once_in_order(plugin_path, name):
    model = NETWORKS[name]()
    wanted = [segment.site.name for segment in cut(base(model)) if segment.site is not None]
    found = layers(model, 3)
    assert [layer.site.name for layer in found] == wanted
    assert all(layer.can_predict == (layer.site.name != "plain") for layer in found)


@pytest.mark.parametrize("make", [sequential, residual, itself_added, branches, matrices])
def test_samples_are_those_of_the_exact_network(plugin_path, make):
    """Means over all data of what each site reads, against the exact network itself."""
    model = make()
    batches = feeds(model, 4, 3)
    exact = configured(model, {})
    found = list(site_layers(cut(base(model)), batches))
    names = [layer.site.x for layer in found]
    with extra_outputs(exact, [name for name in names if name != "input"], set()):
        session = create_session(exact)
    for layer in found:
        if layer.site.x == "input":
            values = [fed["input"] for fed in batches]
        else:
            values = [run(session, fed, [layer.site.x])[0] for fed in batches]
        rows = np.concatenate([v.reshape(-1, v.shape[-1]) for v in values]).astype(np.float64)
        np.testing.assert_allclose(layer.calibrator._samples.input_mean, rows.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(("make", "site"), [(residual, "sum"), (itself_added, "sum"), (residual, "b")])
def test_residuals_are_sampled(plugin_path, make, site):
    """Where the site adds a tensor, also where that is its input; None where it adds nothing."""
    layer = next(found for found in layers(make(), 4) if found.site.name == site)
    sampled = layer.calibrator._samples.residual
    assert (sampled is not None) == (site == "sum")
    if make is itself_added:
        middle = layer.calibrator._samples.patches.reshape(len(sampled), -1, 9, 6)[:, :, 4]
        np.testing.assert_array_equal(sampled, middle)


def test_settings_for_an_error_do_what_they_say(plugin_path):
    """A floor of error 0.2 loses about that much of the output of the layer."""
    layer = next(found for found in layers(residual(), 60) if found.site.name == "sum")
    (made,) = layer.calibrator.truncate([0.2])
    assert made.settings.floor > 0 and 0.1 < made.error <= 0.2000001


def test_activations_are_those_of_the_nodes(plugin_path):
    found = layers(sequential(), 2)
    assert {(layer.activation.clip_min, layer.activation.clip_max) for layer in found} == {(0.0, np.inf)}


@pytest.mark.parametrize("make", [sequential, residual, branches, matrices])
def test_fitted_weights_do_more_with_as_many(plugin_path, make):
    """And samples they are fitted to are not among those that settings are judged on."""
    model = make()
    first, *others = feeds(model, 40, 40, 24)
    segments = cut(base(model))
    plain, fitted = (
        list(site_layers(segments, [first], fitting=fitting)) for fitting in (None, Fitting(others, (0.3,)))
    )
    specs = [PredictorSpec("pruned", 0.3, weighted=True, fitted=f) for f in (False, True)]
    errors = []
    for layer, other in zip(plain, fitted, strict=True):
        for name in ("input_mean", "input_rms", "patches"):
            one, same = (getattr(found.calibrator._samples, name) for found in (layer, other))
            np.testing.assert_array_equal(one, same)
        made = [
            found.calibrator.predict(spec, [None])[0]
            for found, spec in zip((layer, other), specs, strict=True)
        ]
        assert [found.settings.weights is not None for found in made] == [False, other.can_predict]
        errors.append([found.error for found in made])
    assert np.sum(errors, axis=0)[1] < np.sum(errors, axis=0)[0]


def test_a_layer_that_cannot_be_fitted_is_pruned(plugin_path, monkeypatch):
    def refusing(*args):
        raise RuleError("too large")

    monkeypatch.setattr("spl_onnx.search.budget.calibration.reconstruct", refusing)
    fitting = Fitting(feeds(sequential(), 8), (0.3,))
    spec = PredictorSpec("pruned", 0.3, weighted=True, fitted=True)
    for layer in site_layers(cut(base(sequential())), feeds(sequential(), 8), fitting=fitting):
        assert layer.calibrator.predict(spec, [None])[0].settings.weights is None


def test_progress_counts_segments(plugin_path):
    told = []
    model = sequential()
    segments = cut(base(model))
    list(site_layers(segments, feeds(model, 2), progress=told.append))
    assert sum(told) == len(segments)


def test_inputs_are_not_changed(plugin_path):
    model = sequential()
    batches = feeds(model, 2)
    before = batches[0]["input"].copy()
    list(site_layers(cut(base(model)), batches))
    assert set(batches[0]) == {"input"}
    np.testing.assert_array_equal(batches[0]["input"], before)
