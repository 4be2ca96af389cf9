"""Outcomes of sampled windows against the operators on whole images."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from spl_onnx.calibrate.blocks import Block
from spl_onnx.calibrate.outcomes import outcomes
from spl_onnx.calibrate.scores import exact_scores, predicted_scores
from spl_onnx.measure.sites import computed_outputs
from spl_onnx.predictors.build import predictor_weights
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.spec.attributes import Activation, Pooling
from spl_onnx.spec.reference import conv_predict, conv_scores, conv_srmm
from tests.calibrate.layers import everything, synthetic
from tests.spec.cases import conv_cases


@settings(deadline=None, max_examples=100)
@given(conv_cases())
def test_all_samples_together_are_the_layer(case):
    """Every window is sampled as often as any other: sums over samples are multiples of the layer's."""
    made = predictor_weights(case.w, case.b, SiteSettings("int8"))
    samples, block = everything(case), Block.of(case.pooling)
    relu = Activation.relu()
    values = np.maximum(exact_scores(samples, case.w, case.b), 0)
    seen = outcomes(samples, block, predicted_scores(samples, made), values)

    layer = {"geometry": case.geometry, "pooling": case.pooling}
    s = conv_predict(case.x, made.wp, made.bp, made.wscale, r=case.r, **layer)
    full = conv_srmm(case.x, case.w, case.b, None, case.r, **layer, activation=relu)
    skipped = conv_srmm(case.x, case.w, case.b, s, case.r, **layer, activation=relu)
    places = conv_scores(case.x, case.w, case.b, geometry=case.geometry).shape

    tolerance = 8 * case.tolerance * full.size * block.windows * (1 + float(full.max()))
    assert seen.best.size == full.size * block.windows
    assert abs(seen.energy - block.windows * float((full.astype(np.float64) ** 2).sum())) <= tolerance
    lost = seen.missed + float(seen.gain[seen.score <= 0].sum(dtype=np.float64))
    error = block.windows * float(((full - skipped).astype(np.float64) ** 2).sum())
    assert abs(lost - error) <= tolerance
    assert np.count_nonzero(seen.place_score > 0) == computed_outputs(s, case.pooling, places)
    assert seen.outputs == np.prod(places)


def test_halves_follow_their_blocks():
    case = synthetic(count=256)
    samples = everything(case)
    scores = exact_scores(samples, case.w, case.b)
    seen = outcomes(samples, Block.of(Pooling.none()), scores, np.maximum(scores, 0))
    for mask in seen.is_first:
        np.testing.assert_array_equal(mask, samples.halves()[0])
