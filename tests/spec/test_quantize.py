import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spl_onnx.errors import ModelError
from spl_onnx.spec.quantize import dynamic_scale, quantize_input, quantize_weights, static_scale

F = np.float32
any_float = st.floats(width=32, allow_nan=True, allow_infinity=True)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def arrays(elements, dims=2):
    return hnp.arrays(
        np.float32, hnp.array_shapes(min_dims=dims, max_dims=dims, max_side=6), elements=elements
    )


def test_weights_by_hand():
    w = np.array([[1.27, -0.635, 0.005, 0.0149], [0, 0, 0, 0]], np.float32)
    levels, scale = quantize_weights(w)
    # The scale is 0.01: -63.5 goes to the even -64, and the float32 quotient 0.5 to 0.
    assert levels.dtype == np.int8 and levels[0].tolist() == [127, -64, 0, 1]
    assert levels[1].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(scale, [F(1.27) / F(127), 1])


def test_weights_of_four_dimensions_have_one_scale_per_output():
    w = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) - 11
    levels, scale = quantize_weights(w)
    assert levels.shape == w.shape and scale.shape == (2,)
    assert scale.tolist() == [F(11) / F(127), F(12) / F(127)]


@given(arrays(finite))
def test_weights_are_off_by_half_a_step_at_most(w):
    levels, scale = quantize_weights(w)
    assert abs(levels.astype(int)).max() <= 127
    kept = abs(w).max(axis=1) / F(127) >= np.finfo(np.float32).tiny
    error = abs(levels * scale[:, None].astype(np.float64) - w)[kept]
    # Half a step, and the rounding of scale and quotient: 127 levels of relative error eps each.
    assert (error <= scale[kept, None] * (0.5 + 127 * 2 * np.finfo(np.float32).eps)).all()
    assert not levels[~kept].any() and (scale[~kept] == 1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_must_be_finite(bad):
    with pytest.raises(ModelError, match="finite"):
        quantize_weights(np.array([[1, bad]], np.float32))


def test_dynamic_scale_by_hand():
    scale, zero_point = dynamic_scale(
        np.array([[-1, 0.5, 4.1], [1, 2, 5.1], [-5.1, -3, -1]], np.float32), (-1,)
    )
    assert scale.shape == zero_point.shape == (3, 1)
    np.testing.assert_array_equal(scale[:, 0], [F(5.1) / F(255)] * 3)
    assert zero_point[:, 0].tolist() == [50, 0, 255]


def test_dynamic_scale_is_shared_over_all_axes():
    x = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2)
    scale, zero_point = dynamic_scale(x, (1, 2, 3))
    assert scale.ravel().tolist() == [F(7) / F(255), F(15) / F(255)] and not zero_point.any()


@pytest.mark.parametrize(
    ("values", "zero_point"),
    [
        ([0, 0], 0),
        ([np.nan, np.nan], 0),
        ([np.inf, -3], 3),  # scale 1
        ([-np.inf, 1], 255),
        ([-1000, np.inf], 255),
        ([3e38, -3e38], 255),  # the range overflows
        ([1e-40, -1e-40], 0),  # a scale below the normal numbers
    ],
)
def test_ranges_without_a_usable_scale_have_scale_one(values, zero_point):
    scale, point = dynamic_scale(np.array([values], np.float32), (-1,))
    assert scale.item() == 1 and point.item() == zero_point


def test_not_a_number_does_not_count_in_the_range():
    with_nan = dynamic_scale(np.array([[np.nan, -1, 2]], np.float32), (-1,))
    assert with_nan == dynamic_scale(np.array([[-1, 2]], np.float32), (-1,))


@given(arrays(any_float))
def test_dynamic_scale_is_always_usable(x):
    scale, zero_point = dynamic_scale(x, (-1,))
    assert scale.dtype == zero_point.dtype == np.float32
    assert np.isfinite(scale).all() and (scale >= np.finfo(np.float32).tiny).all()
    assert ((zero_point >= 0) & (zero_point <= 255) & (zero_point == np.rint(zero_point))).all()


@given(arrays(st.floats(-1e6, 1e6, width=32, allow_subnormal=False)))
def test_input_levels_are_off_by_less_than_two_steps(x):
    scale, zero_point = dynamic_scale(x, (-1,))
    levels = quantize_input(x, scale, zero_point)
    back = (levels.astype(np.float64) - zero_point) * scale
    # Half a step from each of the two roundings, and as much where the end of the range is clamped.
    assert (abs(back - x) <= 2 * scale.astype(np.float64)).all()


def test_input_by_hand():
    x = np.array([0, 0.5, 1.5, 2.5, -0.5, -3, 300, np.nan, np.inf, -np.inf], np.float32)
    assert quantize_input(x, F(1), F(2)).tolist() == [2, 2, 4, 4, 2, 0, 255, 0, 255, 0]


def test_input_is_multiplied_by_the_rounded_reciprocal():
    # Next to the halves between levels the rounded product and the rounded quotient differ now and then.
    scale = F(0.37)
    x = (np.arange(250, dtype=np.float32) + F(0.5)) * scale
    product, quotient = np.rint(x * (F(1) / scale)), np.rint(x / scale)
    differing = product != quotient
    assert differing.any()
    np.testing.assert_array_equal(quantize_input(x, scale, F(0))[differing], product[differing])


def test_static_scale():
    assert static_scale(np.array([0.5], np.float32)) == (0.5, 0)
    assert static_scale(np.array([0.5, 255], np.float32)) == (0.5, 255)


@pytest.mark.parametrize(
    "values",
    [[], [1, 2, 3], [0], [-1], [np.inf], [np.nan], [1e-40], [1, -1], [1, 256], [1, 0.5], [1, np.nan]],
)
def test_bad_static_scale_is_refused(values):
    with pytest.raises(ModelError, match="Xscale"):
        static_scale(np.array(values, np.float32))
