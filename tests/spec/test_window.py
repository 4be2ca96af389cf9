import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Pooling
from spl_onnx.spec.shapes import pool_direction
from spl_onnx.spec.window import seen_places, select, value_at, window_max
from tests.spec.cases import poolings

NAN, INF = math.nan, math.inf


def image(rows):
    """One image with one channel from rows of numbers."""
    return np.array(rows, np.float32)[None, :, :, None]


def plane(result):
    return result[0, :, :, 0].tolist()


@st.composite
def windows(draw):
    """Scores with many ties, infinities and not-a-numbers, and a window that fits."""
    pooling = draw(poolings())
    height, width = (pooling.kernel[i] + draw(st.integers(0, 4)) for i in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.choice([-2, -1, 0, 0, 1, 2, 3, NAN, INF, -INF], size=(2, height, width, 2))
    return values.astype(np.float32), pooling


def places(shape, pooling, i, j):
    """(1 + index, row, column) of the places of window (i, j) that lie inside the image, one by one."""
    for index in range(pooling.area):
        row = i * pooling.strides[0] - pooling.pads[0] + index // pooling.kernel[1]
        column = j * pooling.strides[1] - pooling.pads[1] + index % pooling.kernel[1]
        if 0 <= row < shape[1] and 0 <= column < shape[2]:
            yield index + 1, row, column


def each_window(values, pooling):
    counts = [pool_direction(d, values.shape[d + 1], pooling) for d in range(2)]
    for n, i, j, o in np.ndindex(values.shape[0], *counts, values.shape[3]):
        inside = [(k, float(values[n, row, col, o])) for k, row, col in places(values.shape, pooling, i, j)]
        yield (n, i, j, o), inside


@settings(deadline=None)
@given(windows(), st.booleans())
def test_selection_is_that_of_a_plain_loop(case, select_all):
    values, pooling = case
    selection = select(values, pooling, select_all)
    for where, inside in each_window(values, pooling):
        numbers = [(value, -place) for place, value in inside if value > -INF]
        best, place = max(numbers) if numbers else (-INF, -inside[0][0])
        wanted = -place if select_all or best > 0 else 0
        assert selection[where] == wanted, (where, inside)


@settings(deadline=None)
@given(windows())
def test_maximum_is_that_of_a_plain_loop(case):
    values, pooling = case
    result = window_max(values, pooling)
    for where, inside in each_window(values, pooling):
        numbers = [value for _, value in inside if not math.isnan(value)]
        np.testing.assert_equal(result[where], np.float32(max(numbers) if numbers else NAN))


@settings(deadline=None)
@given(windows())
def test_value_at_the_best_place_is_the_maximum(case):
    values, pooling = case
    values = np.nan_to_num(values, nan=0, posinf=9, neginf=-9)
    np.testing.assert_array_equal(
        value_at(values, select(values, pooling, True), pooling), window_max(values, pooling)
    )


def test_without_pooling_a_selection_is_the_sign():
    scores = image([[1, 0, -1, NAN, INF, -INF, 1e-45]])
    assert plane(select(scores, Pooling.none(), False)) == [[1, 0, 0, 0, 1, 0, 1]]
    assert plane(select(scores, Pooling.none(), True)) == [[1] * 7]


def test_first_of_equal_scores_wins():
    assert plane(select(image([[0, 3], [3, 3]]), Pooling((2, 2), (2, 2)), False)) == [[2]]


def test_window_without_positive_score_is_trivial_unless_all_are_selected():
    scores, pooling = image([[-3, -1], [0, -2]]), Pooling((2, 2), (2, 2))
    assert plane(select(scores, pooling, False)) == [[0]]
    assert plane(select(scores, pooling, True)) == [[3]]


def test_padding_never_wins():
    # With padding of one at top and left the window of 2 x 2 holds one place of the image, its last.
    scores, pooling = image([[-5]]), Pooling((2, 2), (2, 2), (1, 1, 0, 0))
    assert plane(select(scores, pooling, False)) == [[0]]
    assert plane(select(scores, pooling, True)) == [[4]]
    assert plane(window_max(scores, pooling)) == [[-5]]


def test_not_a_number_never_wins():
    pooling = Pooling((1, 2), (1, 2))
    assert plane(select(image([[NAN, 1]]), pooling, False)) == [[2]]
    assert plane(select(image([[1, NAN]]), pooling, False)) == [[1]]
    assert plane(select(image([[NAN, -1]]), pooling, True)) == [[2]]


@pytest.mark.parametrize("nothing", [NAN, -INF])
def test_first_place_inside_stands_in_when_nothing_can_win(nothing):
    scores, pooling = image([[nothing, nothing]]), Pooling((2, 2), (1, 1), (1, 0, 0, 0))
    assert plane(select(scores, pooling, True)) == [[3]]


def test_ceil_mode_reaches_beyond_the_image():
    scores, pooling = image([[1, 2, 3]]), Pooling((1, 2), (1, 2), ceil=True)
    assert plane(select(scores, pooling, False)) == [[2, 1]]
    assert plane(window_max(scores, pooling)) == [[2, 3]]


def test_largest_window_uses_every_value_of_a_byte_but_the_last():
    values = np.zeros((1, 2, 127, 1), np.float32)
    values[0, 1, 126, 0] = 1
    assert select(values, Pooling((2, 127)), False).item() == 254
    assert value_at(values, np.full((1, 1, 1, 1), 254, np.uint8), Pooling((2, 127))).item() == 1


def test_value_at_reads_the_named_place():
    values = image([[1, 2], [3, 4]])
    for index in range(5):
        selection = np.full((1, 1, 1, 1), index, np.uint8)
        assert value_at(values, selection, Pooling((2, 2), (2, 2))).item() == index


@pytest.mark.parametrize(
    ("place", "pooling", "message"),
    [
        (5, Pooling((2, 2), (1, 1)), r"S\[0, 0, 1, 0\] is 5; wanted at most 4"),
        (255, Pooling((2, 2), (1, 1)), r"S\[0, 0, 1, 0\] is 255"),
        (2, Pooling.none(), r"S\[0, 0, 1, 0\] is 2; wanted at most 1"),
        (1, Pooling((2, 2), (1, 1), (1, 0, 0, 0)), r"S\[0, 0, 1, 0\] is 1; wanted a place inside"),
        (2, Pooling((1, 2), (1, 2), ceil=True), r"S\[0, 0, 1, 0\] is 2; wanted a place inside"),
    ],
)
def test_selection_outside_window_or_image_names_its_position(place, pooling, message):
    values = image([[1, 2, 3]] * 3)
    selection = np.zeros_like(select(values, pooling, False))
    selection[0, 0, 1, 0] = place
    with pytest.raises(ModelError, match=message):
        value_at(values, selection, pooling)


@pytest.mark.parametrize("selection", [np.zeros((1, 2, 1, 1), np.uint8), np.zeros((1, 1, 1, 1), np.int8)])
def test_selection_of_wrong_shape_or_type_is_refused(selection):
    with pytest.raises(ModelError, match=r"S is .*wanted uint8 \[1, 1, 1, 1\]"):
        value_at(image([[1, 2], [3, 4]]), selection, Pooling((2, 2)))


def test_seen_places_lie_in_a_window():
    shape = (1, 7, 6, 2)
    for pooling, rows, columns in (
        (Pooling.none(), [1] * 7, [1] * 6),
        (Pooling((2, 1), (4, 2), (1, 0, 0, 0)), [1, 0, 0, 1, 1, 0, 0], [1, 0, 1, 0, 1, 0]),
    ):
        seen = seen_places(shape, pooling)
        assert [places.tolist() for places in seen] == [rows, columns]
