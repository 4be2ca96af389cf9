import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.errors import RuleError, UsageError
from spl_onnx.predictors.pruned import kept_count, prune
from tests.spec.cases import floats

F = np.float32


@st.composite
def layers(draw):
    """Weights without zeros but with many ties, as vector-quantised networks have, and a ratio."""
    shape = draw(st.sampled_from([(3, 17), (2, 3, 3, 5), (4, 1), (1, 2, 1, 3)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.choice([-2, -1, -0.5, 0.5, 1, 2], size=shape).astype(np.float32)
    return values, draw(st.floats(0.01, 1))


@given(layers())
def test_exactly_the_ratio_is_kept_in_every_filter(layer):
    w, keep = layer
    wp = prune(w, keep)
    count = kept_count(w[0].size, keep)
    assert wp.shape == w.shape and wp.dtype == np.float32
    assert np.count_nonzero(wp.reshape(len(w), -1), axis=1).tolist() == [count] * len(w)
    assert (wp[wp != 0] == w[wp != 0]).all()


@given(layers())
def test_nothing_dropped_is_larger_and_ties_go_to_the_first(layer):
    w, keep = layer
    wp = prune(w, keep)
    for row, kept_row in zip(abs(w.reshape(len(w), -1)), wp.reshape(len(w), -1) != 0, strict=True):
        if kept_row.all():
            continue
        smallest = row[kept_row].min()
        assert row[~kept_row].max() <= smallest
        tied = np.flatnonzero(row == smallest)
        assert (np.diff(kept_row[tied].astype(int)) <= 0).all()


def test_keeping_everything_changes_nothing():
    w = floats(np.random.default_rng(0), 3, 2, 2, 4)
    np.testing.assert_array_equal(prune(w, 1.0), w)


@pytest.mark.parametrize(
    ("products", "keep", "count"), [(100, 0.25, 25), (10, 0.01, 1), (3, 0.5, 2), (5, 0.5, 2), (9, 1.0, 9)]
)
def test_kept_count(products, keep, count):
    assert kept_count(products, keep) == count


@pytest.mark.parametrize("keep", [0, -0.1, 1.01, float("nan")])
def test_bad_ratio_is_refused(keep):
    with pytest.raises(UsageError, match="keep is"):
        prune(F([[1, 2]]), keep)


def test_importance_by_input():
    w, rms = F([[1, 5, -6]]), F([9, 3, 2])
    assert prune(w, 0.34).tolist() == [[0, 0, -6]]
    assert prune(w, 0.34, rms).tolist() == [[0, 5, 0]]


def test_the_most_important_weights_of_each_filter_by_hand():
    assert prune(F([[1, 2, -3], [4, 1, 1]]), 0.34).tolist() == [[0, 0, -3], [4, 0, 0]]


def test_statistics_may_be_shaped_like_one_filter_flat_or_like_all_filters():
    rng = np.random.default_rng(3)
    w, rms = floats(rng, 4, 3, 3, 2), abs(floats(rng, 3, 3, 2))
    one = prune(w, 0.3, rms)
    for shape in ((18,), (4, 18), (4, 3, 3, 2)):
        other = np.broadcast_to(rms.reshape(shape[1:] if shape[0] == 4 else shape), shape)
        np.testing.assert_array_equal(one, prune(w, 0.3, other))


def test_statistics_of_groups_differ_per_filter():
    assert prune(F([[1, 1], [1, 1]]), 0.5, F([[1, 2], [2, 1]])).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("rms", "message"),
    [
        (np.ones(3), r"input_rms has shape \[3\], the weights \[2, 4\]"),
        (np.ones((1, 4, 1)), "input_rms has shape"),
        (np.array([1, np.inf, 0, 0]), "input_rms holds a value that is not finite"),
        (np.array([1, np.nan, 0, 0]), "input_rms holds"),
    ],
)
def test_bad_statistics_are_refused(rms, message):
    with pytest.raises(RuleError, match=message):
        prune(np.ones((2, 4), np.float32), 0.5, rms)
