"""The command that compares predictors."""

from __future__ import annotations

import numpy as np

from scripts.bench_predictors import KINDS, savings
from spl_onnx.search.budget.site_options import ERRORS
from tests.small_models import small_cnn, small_images


def test_what_is_saved_grows_with_the_error_and_with_better_predictors(plugin_path):
    found = savings(small_cnn(), small_images(128))
    assert set(found) == set(KINDS)
    for saved in found.values():
        assert len(saved) == len(ERRORS) and saved == sorted(saved) and 0 <= saved[0] < saved[-1] < 1
    assert np.sum(found["fitted"]) > np.sum(found["pruned"])
    assert (np.subtract(found["int8, fitted"], found["int8"]) >= 0).all(), "it may choose the same"
