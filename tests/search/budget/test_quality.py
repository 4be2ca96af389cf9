"""What a configuration loses: divergence of probabilities, decisions counted and smooth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spl_onnx.errors import DataError
from spl_onnx.measure.expectation import soft_right
from spl_onnx.search.budget.quality import Judge, are_probabilities, kl_divergence

SCORES = arrays(np.float32, (4, 5), elements=st.floats(-30, 30, width=32))
EPS = float(np.finfo(np.float64).eps)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@given(SCORES, SCORES)
def test_divergence_is_never_below_0_and_0_for_equals(p, q):
    # Logarithms of up to 60 nats, five of them, each rounded.
    assert (kl_divergence(p, q) >= -5 * 60 * EPS).all()
    np.testing.assert_array_equal(kl_divergence(p, p), 0.0)


def test_divergence_by_hand():
    p, q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]])
    wanted = 0.5 * np.log(2) - 0.25 * np.log(2)
    assert kl_divergence(p, q) == pytest.approx(wanted)
    assert kl_divergence(np.log(p) + 7, np.log(q) - 2) == pytest.approx(wanted)
    assert kl_divergence(p.reshape(1, 3, 1, 1), q.reshape(1, 3, 1, 1)) == pytest.approx(wanted)


@given(SCORES, SCORES)
def test_scores_and_probabilities_give_the_same(p, q):
    """A network that ends with Softmax; probabilities below 1e-12 count as that."""
    p, q = np.float64(p) / 3, np.float64(q) / 3
    assert min(softmax(p).min(), softmax(q).min()) > 1e-12
    wanted = (softmax(p) * (np.log(softmax(p)) - np.log(softmax(q)))).sum(axis=1)
    for reference, outputs in ((p, q), (softmax(p), softmax(q))):
        np.testing.assert_allclose(kl_divergence(reference, outputs), wanted, atol=1e-9)


@given(arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32)))
def test_probabilities_that_do_not_sum_to_1_are_normalised(q):
    """What a changed network gives may be anything; the original says what its outputs are."""
    p = np.full((4, 5), 0.2, np.float32)
    assert are_probabilities(p)
    assert (kl_divergence(p, q) >= -5 * 60 * EPS).all()


def test_the_original_says_what_outputs_are():
    """Scores that happen to be above 0 with a sum of 1 are scores, where the original's are."""
    scores, others = np.array([[2.0, -1.0]]), np.array([[0.75, 0.25]])
    assert not are_probabilities(scores) and are_probabilities(others)
    p, q = softmax(scores), softmax(others)
    assert kl_divergence(scores, others) == pytest.approx((p * np.log(p / q)).sum())


def test_probabilities_of_0_are_no_infinity():
    assert np.isfinite(kl_divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))).all()


def test_inputs_are_not_changed():
    scores = np.array([[1.0, 2.0], [3.0, 1.0]])
    before = scores.copy()
    soft_right(scores, np.array([0, 1]))
    kl_divergence(scores, scores)
    np.testing.assert_array_equal(scores, before)


LABELS = np.array([0, 1, 2, 0, 1, 2])
CLEAR = 4.0 * np.eye(3)[LABELS]


def test_a_network_loses_nothing_against_itself():
    for labels, metric in ((LABELS, "auto"), (None, "auto"), (None, "mse"), (None, "psnr"), (None, "cosine")):
        quality = Judge(CLEAR, labels, metric).quality(CLEAR)
        assert quality.divergence == 0.0 and quality.drop == pytest.approx(0.0, abs=1e-15)


def test_a_wrong_decision_of_six():
    outputs = CLEAR.copy()
    outputs[0] = [0.0, 4.0, 0.0]
    for labels in (LABELS, None):
        quality = Judge(CLEAR, labels, "auto").quality(outputs)
        assert quality.drop == pytest.approx(1 / 6, abs=0.001)
        assert (
            quality.divergence == pytest.approx(kl_divergence(CLEAR, outputs).mean())
            and quality.divergence > 0
        )


def test_luck_is_no_gain():
    """One decision was just wrong and is just right now: counted a gain, smooth almost nothing."""
    reference, outputs = CLEAR.copy(), CLEAR.copy()
    reference[0] = [1.0, 1.02, 0.0]
    outputs[0] = [1.02, 1.0, 0.0]
    quality = Judge(reference, LABELS, "top1").quality(outputs)
    assert -0.02 < quality.drop < 0.0, "the counted loss is -1/6"
    assert Judge(outputs, LABELS, "top1").quality(reference).drop == pytest.approx(1 / 6)


def test_clear_decisions_that_get_close_are_a_loss_before_they_change():
    outputs = CLEAR.copy()
    outputs[:] = 0.0
    outputs[np.arange(6), LABELS] = 1.0
    outputs[np.arange(6), (LABELS + 1) % 3] = 0.95
    judge = Judge(CLEAR, LABELS, "top1")
    assert judge.quality(outputs).drop > 0.3


def test_where_gains_do_not_count_one_does_not_make_up_for_a_loss():
    """Two decisions in the balance change places: nothing is lost on the whole, but one of them is."""
    reference = CLEAR.copy()
    reference[:2] = [1.0, 0.8, 0.0]  # right and wrong: their classes are 0 and 1
    outputs = reference.copy()
    outputs[:2] = [0.8, 1.0, 0.0]
    with_gains, without = (Judge(reference, LABELS, "top1", gains=g).quality(outputs) for g in (True, False))
    assert with_gains.drop == pytest.approx(0.0, abs=1e-12)
    lost = soft_right(reference[:1], LABELS[:1]) - soft_right(outputs[:1], LABELS[:1])
    assert without.drop == pytest.approx(lost.item() / 6) and without.drop > 0.05
    assert without.divergence == with_gains.divergence


@given(arrays(np.float32, (6, 3), elements=st.floats(-9, 9, width=32)))
def test_without_gains_nothing_loses_less(outputs):
    with_gains, without = (Judge(CLEAR, LABELS, "top1", gains=g).quality(outputs) for g in (True, False))
    assert without.drop >= max(0.0, with_gains.drop)


def test_where_changes_are_chance_a_count_matters_only_where_it_is_clear():
    """A lost decision of six, by a hair, is luck; sixty of a hundred, without a gain, are not."""
    reference, outputs = CLEAR.copy(), CLEAR.copy()
    reference[0], outputs[0] = [1.02, 1.0, 0.0], [1.0, 1.02, 0.0]
    counted, likely = (
        Judge(reference, LABELS, "top1", likely=flag).quality(outputs) for flag in (False, True)
    )
    assert counted.drop == pytest.approx(1 / 6) and 0.0 < likely.drop < 0.02
    many, labels = np.tile(reference[:1], (100, 1)), np.zeros(100, np.int64)
    lost = many.copy()
    lost[:60] = outputs[0]
    assert 0.4 < Judge(many, labels, "top1", likely=True).quality(lost).drop < 0.6


def test_outputs_without_labels_are_counted_also_where_changes_are_chance():
    outputs = CLEAR.copy()
    outputs[0] = [0.0, 4.0, 0.0]
    assert Judge(CLEAR, None, "agreement", likely=True).quality(outputs).drop == pytest.approx(1 / 6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_loses_everything(bad):
    outputs = CLEAR.copy()
    outputs[3, 1] = bad
    quality = Judge(CLEAR, LABELS, "top1").quality(outputs)
    assert quality.drop == quality.divergence == np.inf


def test_outputs_that_are_no_classes():
    images = np.random.default_rng(0).uniform(0, 1, (3, 1, 4, 4)).astype(np.float32)
    noisy = images * np.float32(1.1)
    judge = Judge(images, None, "auto")
    assert judge.metric.name == "mse" and judge.samples == 3
    quality = judge.quality(noisy)
    assert quality.divergence == pytest.approx(0.01, rel=1e-5) and quality.drop == pytest.approx(
        0.01, rel=1e-5
    )
    clean = Judge(noisy, images, "auto")
    assert clean.metric.name == "psnr"
    assert clean.quality(images * np.float32(1.2)).drop > 0 > clean.quality(images).drop


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 1, 2, 0, 1, 3]), "labels go from 0 to 3, wanted 0 to 2"),
        (np.array([0, 1, 2, 0, 1, -1]), "labels go from -1 to 2"),
        (LABELS[:5], r"labels have shape \[5\]"),
        (LABELS.astype(np.float32), "wanted whole class numbers"),
    ],
)
def test_labels_that_do_not_fit(labels, words):
    with pytest.raises(DataError, match=words):
        Judge(CLEAR, labels, "top1")
