"""What two versions of an output may be apart."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.verification.tolerance import (
    FLIPPED_FRACTION,
    LEAST_TOLERANCE,
    MARGIN,
    bound,
    difference,
    distance,
)


@pytest.mark.parametrize(
    ("got", "expected", "result"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.25),
        ([np.nan, 2.0], [np.nan, 2.0], 0.0),
        ([np.nan, 2.0], [1.0, 2.0], np.inf),
        ([1.0, 2.0], [np.nan, 2.0], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([0.5], [0.0], 0.5),
        ([], [], 0.0),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_difference(got, expected, result):
    assert difference(np.float32(got), np.float32(expected)) == result


def test_distance_of_whole_numbers_is_a_fraction():
    assert distance(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])) == 0.25
    assert distance(np.array([1, 2]), np.array([1, 2, 3])) == np.inf
    assert distance(np.array(["a", "b"]), np.array(["a", "c"])) == 0.5


def test_noise_sets_the_tolerance():
    expected = np.float32([1.0, 2.0])
    found = bound("y", expected, [expected, expected + np.float32([0.0, 2**-10])])
    assert found.noise == 2**-11
    assert found.tolerance == MARGIN * 2**-11
    assert found.compares and found.proves and found.same_shape


def test_without_noise_nothing_is_proved_but_differences_still_count():
    found = bound("y", np.float32([1.0]), [np.float32([1.0])])
    assert (found.tolerance, found.compares, found.proves) == (LEAST_TOLERANCE, True, False)


@pytest.mark.parametrize("other", [[1.0, 2.1], [1.0], [np.nan, 2.0]])
def test_much_noise_leaves_nothing_to_compare(other):
    found = bound("y", np.float32([1.0, 2.0]), [np.float32(other)])
    assert not found.compares and not found.proves
    assert found.same_shape is (len(other) == 2)


def test_whole_numbers_flip():
    expected = np.zeros(1000, np.int64)
    one, many = expected.copy(), expected.copy()
    one[0], many[:100] = 1, 1
    assert bound("y", expected, [expected]).tolerance == FLIPPED_FRACTION
    assert bound("y", expected, [one]).tolerance == MARGIN * 1e-3
    assert not bound("y", expected, [one]).proves, "equal classes say little about the layers"
    assert not bound("y", expected, [many]).compares


def test_a_step_of_half_precision_is_no_fault():
    expected = np.float16([1.0])
    assert np.finfo(np.float16).eps < bound("y", expected, [expected]).tolerance < 2e-3
