"""Comparing outputs with those of the original."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.verification.compare import compare_form, compare_numbers
from spl_onnx.rewrite.verification.original import Original
from tests.rewrite.verification.networks import magnified, places, plain


@pytest.fixture(scope="module")
def known():
    with Original(LoadedModel(plain()), RewriteOptions()) as original:
        yield original


def test_rounding_passes_and_more_does_not(known):
    (y,) = known.expected
    largest = np.abs(y).max()
    assert compare_numbers(known, [y], "so") == 0
    within = y + np.float32(known.bounds[0].tolerance / 2) * largest
    assert 0 < compare_numbers(known, [within], "so") <= known.bounds[0].tolerance
    with pytest.raises(VerificationError, match="output 0 of the rewritten model, run so, differs by"):
        compare_numbers(known, [y + np.float32(1e-3) * largest], "so")


def test_form_is_shape_and_finiteness(known):
    (y,) = known.expected
    assert compare_form(known, [y * 2], "so") == pytest.approx(1.0)
    with pytest.raises(VerificationError, match=r"has shape \[1, 5, 4\], wanted|has 3 dimensions, wanted 4"):
        compare_form(known, [y[..., 0]], "so")
    with pytest.raises(VerificationError, match=r"has shape \[1, 5, 4, 3\], wanted \[1, 5, 4, 4\]"):
        compare_form(known, [y[..., :3]], "so")
    with pytest.raises(VerificationError, match="is not finite"):
        compare_form(known, [np.full_like(y, np.inf)], "so")
    with pytest.raises(VerificationError, match="has type int64, wanted float32"):
        compare_form(known, [y.astype(np.int64)], "so")


def test_what_rounding_changes_as_much_is_not_compared():
    with Original(LoadedModel(magnified()), RewriteOptions()) as original:
        assert compare_numbers(original, [-original.expected[0]], "so") == 0


def test_sizes_that_depend_on_values_may_change_with_settings():
    with Original(LoadedModel(places()), RewriteOptions()) as original:
        y, z = original.expected
        compare_form(original, [y[:, :-3], z], "so")
        with pytest.raises(VerificationError, match=r"output 0 .* has shape"):
            compare_numbers(original, [y[:, :-3], z], "so")
        with pytest.raises(VerificationError, match="has 1 dimensions, wanted 2"):
            compare_form(original, [y[0], z], "so")
