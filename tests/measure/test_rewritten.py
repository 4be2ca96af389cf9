"""What is measured of a rewritten model, with data and without."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.data import DataOptions
from spl_onnx.errors import ModelError
from spl_onnx.measure.rewritten import measure, note_densities, work_of
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn, small_images


@pytest.fixture
def result():
    options = RewriteOptions(rules="all", predictor="int8", no_verify=True)
    return rewrite_model(read_model(small_cnn()), options)


def test_without_data_only_the_work_is_known(result):
    options = RewriteOptions()
    measured = measure(small_cnn(), result.model, options, DataOptions())
    assert measured.comparison is None and measured.counting is None and measured.work.dense > 0
    note_densities(result.plan, measured)
    assert {site.density for site in result.plan.sites} == {None}


def test_with_data_sites_get_their_densities(plugin_path, result, tmp_path):
    np.savez(tmp_path / "data.npz", x=small_images(6))
    options = RewriteOptions(data=str(tmp_path / "data.npz"))
    measured = measure(small_cnn(), result.model, options, DataOptions())
    note_densities(result.plan, measured)
    assert measured.comparison.images == 6 and 0 < measured.reduction.selected < measured.work.dense
    for site in result.plan.sites:
        counts = measured.counting.counts.get(site.site)
        wanted = (counts.density, counts.zero_share) if site.is_rewritten else (None, None)
        assert (site.density, site.zeros) == wanted


@pytest.mark.parametrize("error", [onnx.shape_inference.InferenceError, ModelError, RuntimeError, ValueError])
def test_work_of_a_model_whose_shapes_cannot_be_inferred(monkeypatch, error):
    def failing(model, inputs):
        raise error("no")

    assert work_of(small_cnn(), {}) is not None
    monkeypatch.setattr("spl_onnx.measure.rewritten.model_work", failing)
    assert work_of(small_cnn(), {}) is None
