"""What changed scores lead to expect of decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spl_onnx.measure.expectation import likely_drop, soft_right

SCORES = arrays(np.float32, (4, 5), elements=st.floats(-30, 30, width=32))


def test_decisions_count_a_half_where_they_hang_in_the_balance():
    scores = np.array([[1.0, 1.0, 0.0], [5.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    found = soft_right(scores, np.array([0, 0, 0]))
    assert found[0] == 0.5 and found[1] > 0.99 and found[2] < 0.01
    two = scores[:, :2]
    both = soft_right(two, np.array([0, 0, 0])) + soft_right(two, np.array([1, 1, 1]))
    np.testing.assert_allclose(both, 1.0)


@given(SCORES, st.floats(0.1, 10), st.floats(-5, 5))
def test_being_more_certain_is_no_advantage(scores, scale, offset):
    labels = np.array([0, 1, 2, 3])
    scores = scores.astype(np.float64)
    moved = scale * scores + offset
    if (scores.std(axis=1) > 1e-3).all():
        np.testing.assert_allclose(soft_right(moved, labels), soft_right(scores, labels), atol=1e-6)


def test_equal_scores_and_a_single_class():
    assert soft_right(np.zeros((1, 4)), np.array([2])) == 0.5
    assert soft_right(np.array([[3.0]]), np.array([0])) == pytest.approx(1.0)


def test_the_likely_drop_is_the_expected_one_unless_counts_are_clear():
    assert likely_drop(0.004, (-0.01, 0.03)) == 0.004
    assert likely_drop(0.004, (0.02, 0.08)) == 0.02
    assert np.isnan(likely_drop(float("nan"), (0.0, 0.0)))


def test_expectation_is_known_better_than_counts():
    """Scores that move by chance: over many samples of 200 the count varies more than twice as much."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 10))
    labels = scores.argmax(axis=1)
    labels[::4] = rng.integers(0, 10, len(labels[::4]))
    moved = scores + 0.05 * rng.normal(size=scores.shape)
    counted = (scores.argmax(axis=1) == labels) * 1.0 - (moved.argmax(axis=1) == labels)
    expected = soft_right(scores, labels) - soft_right(moved, labels)
    deviations = [values.reshape(100, 200).mean(axis=1).std() for values in (counted, expected)]
    assert deviations[0] > 2 * deviations[1]
