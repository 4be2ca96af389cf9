import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.errors import RuleError, UsageError
from spl_onnx.predictors.pruned import build_pruned, kept_count
from spl_onnx.spec.reference import gemm_scores
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
    wp = build_pruned(w, None, keep).wp
    count = kept_count(w[0].size, keep)
    assert wp.shape == w.shape and wp.dtype == np.float32
    assert np.count_nonzero(wp.reshape(len(w), -1), axis=1).tolist() == [count] * len(w)
    assert (wp[wp != 0] == w[wp != 0]).all()


@given(layers())
def test_nothing_dropped_is_larger_and_ties_go_to_the_first(layer):
    w, keep = layer
    wp = build_pruned(w, None, keep).wp
    for row, kept_row in zip(abs(w.reshape(len(w), -1)), wp.reshape(len(w), -1) != 0, strict=True):
        if kept_row.all():
            continue
        smallest = row[kept_row].min()
        assert row[~kept_row].max() <= smallest
        tied = np.flatnonzero(row == smallest)
        assert (np.diff(kept_row[tied].astype(int)) <= 0).all()


def test_keeping_everything_changes_nothing():
    w = floats(np.random.default_rng(0), 3, 2, 2, 4)
    predictor = build_pruned(w, F([1, 2, 3]), 1.0, input_mean=np.ones((2, 2, 4)))
    np.testing.assert_array_equal(predictor.wp, w)
    assert predictor.bp.tolist() == [1, 2, 3]
    assert predictor.wscale is None and predictor.xscale is None


@pytest.mark.parametrize(
    ("products", "keep", "count"), [(100, 0.25, 25), (10, 0.01, 1), (3, 0.5, 2), (5, 0.5, 2), (9, 1.0, 9)]
)
def test_kept_count(products, keep, count):
    assert kept_count(products, keep) == count


@pytest.mark.parametrize("keep", [0, -0.1, 1.01, float("nan")])
def test_bad_ratio_is_refused(keep):
    with pytest.raises(UsageError, match="keep is"):
        build_pruned(F([[1, 2]]), None, keep)


def test_importance_by_input():
    w, rms = F([[1, 5, -6]]), F([9, 3, 2])
    assert build_pruned(w, None, 0.34).wp.tolist() == [[0, 0, -6]]
    assert build_pruned(w, None, 0.34, input_rms=rms).wp.tolist() == [[0, 5, 0]]


def test_mean_correction_by_hand():
    predictor = build_pruned(
        F([[1, 2, -3], [4, 1, 1]]), F([10, 20]), 0.34, input_mean=F([1, 2, 3]), threshold=0.5
    )
    assert predictor.wp.tolist() == [[0, 0, -3], [4, 0, 0]]
    assert predictor.bp.tolist() == [10 + 1 + 4 - 0.5, 20 + 2 + 3 - 0.5]


def test_statistics_may_be_shaped_like_one_filter_flat_or_like_all_filters():
    rng = np.random.default_rng(3)
    w, mean = floats(rng, 4, 3, 3, 2), floats(rng, 3, 3, 2)
    one = build_pruned(w, None, 0.3, input_rms=abs(mean), input_mean=mean)
    for shape in ((18,), (4, 18), (4, 3, 3, 2)):
        other = np.broadcast_to(mean.reshape(shape[1:] if shape[0] == 4 else shape), shape)
        again = build_pruned(w, None, 0.3, input_rms=abs(other), input_mean=other)
        np.testing.assert_array_equal(one.wp, again.wp)
        np.testing.assert_array_equal(one.bp, again.bp)


def test_statistics_of_groups_differ_per_filter():
    w = F([[1, 1], [1, 1]])
    predictor = build_pruned(w, None, 0.5, input_rms=F([[1, 2], [2, 1]]), input_mean=F([[5, 6], [7, 8]]))
    assert predictor.wp.tolist() == [[0, 1], [1, 0]]
    assert predictor.bp.tolist() == [5, 8]


@given(layers(), st.integers(0, 1000))
def test_mean_correction_makes_mean_scores_exact(layer, seed):
    w, keep = layer
    w = w.reshape(len(w), -1)
    x = floats(np.random.default_rng(seed), 20, w.shape[1]) + F(0.5)
    predictor = build_pruned(w, None, keep, input_mean=x.mean(axis=0, dtype=np.float64))
    got = gemm_scores(x, predictor.wp, predictor.bp).mean(axis=0, dtype=np.float64)
    exact = gemm_scores(x, w, np.zeros(len(w), np.float32)).mean(axis=0, dtype=np.float64)
    magnitude = (abs(x) @ abs(w).T).max() + abs(predictor.bp).max()
    assert abs(got - exact).max() <= 4 * np.finfo(np.float32).eps * magnitude


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        ({"input_mean": np.ones(3)}, r"input_mean has shape \[3\], the weights \[2, 4\]"),
        ({"input_rms": np.ones((1, 4, 1))}, "input_rms has shape"),
        ({"input_mean": np.array([1, np.nan, 0, 0])}, "input_mean holds a value that is not finite"),
        ({"input_rms": np.array([1, np.inf, 0, 0])}, "input_rms holds"),
        ({"threshold": [1, 2, 3]}, "threshold has shape"),
    ],
)
def test_bad_statistics_are_refused(statistics, message):
    with pytest.raises(RuleError, match=message):
        build_pruned(np.ones((2, 4), np.float32), None, 0.5, **statistics)
