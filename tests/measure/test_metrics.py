"""Metrics of single samples, on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.measure.metrics import (
    TABLE,
    agreement,
    cosine,
    decisions,
    mse,
    psnr,
    top1,
    top_k,
)

SCORES = np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 1.0], [0.0, 0.0, 0.0]], np.float32)


def test_decisions_take_the_first_of_equals():
    assert decisions(SCORES).tolist() == [1, 0, 0]
    assert decisions(SCORES.reshape(3, 3, 1, 1)).tolist() == [1, 0, 0]


def test_top_k_breaks_ties_as_decisions_do():
    assert top1(SCORES, np.array([1, 0, 0])).tolist() == [1, 1, 1]
    assert top1(SCORES, np.array([1, 1, 2])).tolist() == [1, 0, 0]
    assert top_k(SCORES, np.array([2, 1, 2]), 2).tolist() == [1, 1, 0]
    assert top_k(SCORES, np.array([0, 0, 0], np.uint8), 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("label", [0, 1, 2])
def test_top1_is_the_decision(label):
    scores = np.random.default_rng(0).integers(0, 3, (200, 3)).astype(np.float32)
    assert (top1(scores, np.full(200, label)) == (decisions(scores) == label)).all()


def test_a_score_that_is_no_number_is_never_right():
    scores = np.array([[np.nan, 1.0], [1.0, np.nan]], np.float32)
    assert top1(scores, np.array([0, 1])).tolist() == [0, 0]
    assert top1(scores, np.array([1, 0])).tolist() == [0, 0]


def test_agreement():
    assert agreement(SCORES, SCORES[:, ::-1]).tolist() == [1, 0, 1]


def test_mse_is_relative():
    reference = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    got = np.array([[3.0, 3.0], [0.0, 0.0], [1.0, 0.0]])
    assert mse(got, reference).tolist() == [0.5 / 12.5, 0.0, np.inf]


def test_cosine():
    reference = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    got = np.array([[0.0, 2.0], [0.0, 0.0], [1.0, 0.0], [-1.0, -1.0]])
    np.testing.assert_allclose(cosine(got, reference), [0, 1, 0, -1], atol=1e-12)


def test_psnr_and_its_scale():
    reference = np.zeros((1, 1, 2, 2))
    assert psnr(reference + 0.1, reference)[0] == pytest.approx(20.0)
    assert psnr(reference - 0.1, reference)[0] == np.inf, "values below the scale are clipped"
    bytes_ = np.full((1, 1, 2, 2), 128.0)
    assert psnr(bytes_ + 25.5, bytes_)[0] == pytest.approx(20.0)


def test_drops_are_above_zero_when_worse():
    better, worse = np.array([0.9]), np.array([0.7])
    for name in ("top1", "agreement", "cosine", "psnr"):
        assert TABLE[name].drop(better, worse)[0] == pytest.approx(0.2)
    assert TABLE["mse"].drop(worse, better)[0] == pytest.approx(0.2)
    assert TABLE["psnr"].drop(np.array([np.inf]), np.array([40.0]))[0] == pytest.approx(0.01)


def test_confidence_counts_decisions_and_resamples_the_rest():
    right, wrong = np.ones(40), np.zeros(40)
    assert TABLE["top1"].confidence(right, right).upper > 0 == TABLE["cosine"].confidence(right, right).upper
    assert TABLE["agreement"].confidence(right, wrong).drop == 1
