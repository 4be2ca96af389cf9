"""Winograd's convolution with products of bytes, against the float convolution and against hand."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.spec import reference_winograd
from spl_onnx.spec.attributes import INT8, INT8_WINOGRAD, Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_srmm, gemm_srmm
from spl_onnx.spec.reference_winograd import winograd_suits
from tests.spec.cases import floats
from tests.winograd import INPUT, output_matrix, weight_matrix

F = np.float32
LAYER = {"geometry": ConvGeometry(), "pooling": Pooling.none(), "activation": Activation.none()}


def values(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None, **options) -> np.ndarray:
    return conv_srmm(x, w, b, precision=INT8_WINOGRAD, **LAYER | options)


def both_ways(matrix: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Over the last two directions."""
    return np.einsum("ia,jb,...ab->...ij", matrix, matrix, squares)


@pytest.mark.parametrize("taps", range(2, 6))
def test_the_matrices_convolve(taps):
    """Exactly, but for float64: what the error bound below rests on."""
    rng = np.random.default_rng(taps)
    x, w, side = rng.standard_normal((6, 6)), rng.standard_normal((taps, taps)), 7 - taps
    places = both_ways(INPUT, x) * both_ways(weight_matrix(taps), w)
    direct = [[(x[i : i + taps, j : j + taps] * w).sum() for j in range(side)] for i in range(side)]
    np.testing.assert_allclose(both_ways(output_matrix(side), places), direct, rtol=1e-12, atol=1e-12)


def bound(x: np.ndarray, w: np.ndarray) -> float:
    """Largest error of a value of `x` [N,H,W,C] and `w` [O,k,k,C].

    Levels are off by a half: with v = V * 127ths and u alike, a product of two is off by less than
    V * U * (1 / 127 + 1 / (4 * 127^2)), and so often are the channels added. Of float32, some 40 roundings.
    """
    side, channels = 7 - w.shape[1], w.shape[3]
    place = both_ways(abs(INPUT), np.full((6, 6), abs(x).max()))
    weight = both_ways(abs(weight_matrix(w.shape[1])), abs(w).max(axis=(0, 3)))
    share = 1 / 127 + 1 / (4 * 127**2) + 40 * 2.0**-24
    return float(both_ways(abs(output_matrix(side)), channels * place * weight * share).max())


@pytest.mark.parametrize("taps", range(2, 6))
@pytest.mark.parametrize(("height", "width", "pads"), [(9, 12, (1, 1, 1, 1)), (5, 6, (2, 0, 1, 3))])
def test_the_error_is_that_of_levels(taps, height, width, pads):
    rng = np.random.default_rng(taps)
    x, w, b = floats(rng, 2, height, width, 20, zeros=0.5), floats(rng, 16, taps, taps, 10), floats(rng, 16)
    layer = LAYER | {"geometry": ConvGeometry(pads=pads, group=2)}
    r = floats(rng, *conv_srmm(x, w, b, **layer).shape)
    want, got = conv_srmm(x, w, b, r=r, **layer), values(x, w, b, r=r, **layer)
    assert got.shape == want.shape and got.dtype == np.float32
    assert abs(got - want).max() <= bound(x, w)
    # Errors of many products are far below the largest: those of random signs grow with the square root.
    assert abs(got - want).max() <= 0.1 * abs(want).max()


def test_one_square_by_hand():
    """The last input of a square meets the last tap alone, at the point of infinity."""
    x, w = np.zeros((1, 6, 6, 8), F), np.zeros((8, 5, 5, 8), F)
    x[0, 5, 5, :3] = 1, 0.5, 0.25  # 127, 63.5 and 31.75 levels
    w[1, 4, 4, :3] = 1, -1, 0.5  # 127, -127 and 63.5
    want = np.zeros((1, 2, 2, 8), F)
    scale = F(1) / F(127)
    want[0, 1, 1, 1] = F(127 * 127 - 64 * 127 + 32 * 64) * (scale * scale)
    np.testing.assert_array_equal(values(x, w), want)


def test_multiply_adds_are_rounded_once():
    """The sum is next to the middle between two float32: float64 alone would take it for the middle."""
    small, odd = F(2.0**-20), F(1 + 2.0**-23)
    factor, x, y = F(1) + small, np.array([F(2.0**-24) * (1 - small)]), np.array([odd])
    for sign in (1, -1):
        assert reference_winograd._fma(factor, sign * x, sign * y) == sign * odd
        assert np.float32(float(factor) * sign * float(x[0]) + sign * float(odd)) != sign * odd
    with np.errstate(invalid="ignore"):
        assert reference_winograd._fma(1.5, np.array([np.inf], F), y) == np.inf


def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return floats(rng, 3, 9, 9, 8), floats(rng, 8, 3, 3, 8)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, np.finfo(F).max])
def test_an_image_that_is_not_finite_is_in_float32_and_it_alone(bad):
    x, w = images()
    clean = values(x, w)
    x[1, 4, 4, 3] = bad
    got = values(x, w)
    np.testing.assert_array_equal(got[::2], clean[::2])
    np.testing.assert_array_equal(got[1], conv_srmm(x[1:2], w, **LAYER)[0])


def test_a_bias_that_is_not_finite_makes_all_float32():
    x, w = images()
    b = np.array([np.inf, *[0] * 7], F)
    np.testing.assert_array_equal(values(x, w, b), conv_srmm(x, w, b, **LAYER))


def test_squares_that_no_window_reaches_into_do_not_count():
    x, w = images()
    pooled = {"pooling": Pooling((2, 2), (4, 4))}  # of 7 x 7 values, squares of 4: windows at 0 and 4
    between = {"pooling": Pooling((1, 2), (9, 2))}  # the first row alone
    clean = values(x, w, **between)
    x[0, 8, 0, 0] = np.inf  # an input of the second row of squares alone
    np.testing.assert_array_equal(values(x, w, **between), clean)
    np.testing.assert_array_equal(values(x, w, **pooled)[0], conv_srmm(x, w, **LAYER | pooled)[0])


def test_images_and_groups_are_computed_by_themselves():
    rng = np.random.default_rng(6)
    x, w, b = floats(rng, 2, 7, 8, 16), floats(rng, 16, 3, 3, 8), floats(rng, 16)
    together = values(x, w, b, geometry=ConvGeometry(group=2))
    for n, g in np.ndindex(2, 2):
        part = slice(8 * g, 8 * g + 8)
        alone = values(x[n : n + 1, ..., part], w[part], b[part])
        np.testing.assert_array_equal(together[n, ..., part], alone[0])


def test_no_images():
    x, w = images()
    assert values(x[:0], w).shape == (0, 7, 7, 8)


@pytest.mark.parametrize(
    ("shape", "geometry"),
    [
        ((8, 3, 3, 8), ConvGeometry((2, 1))),
        ((8, 3, 3, 8), ConvGeometry(dilations=(1, 2))),
        ((8, 3, 2, 8), ConvGeometry()),
        ((8, 1, 1, 8), ConvGeometry()),
        ((8, 6, 6, 8), ConvGeometry()),
        ((8, 3, 3, 7), ConvGeometry()),
        ((7, 3, 3, 8), ConvGeometry()),
        ((14, 3, 3, 8), ConvGeometry(group=2)),
    ],
)
def test_layers_that_do_not_suit_are_refused(shape, geometry):
    w = np.zeros(shape, F)
    assert not winograd_suits(w, geometry)
    x = np.zeros((1, 9, 9, shape[3] * geometry.group), F)
    with pytest.raises(ModelError, match=r"int8_winograd with weights.*wanted a square kernel of 2 to 5"):
        values(x, w, geometry=geometry)


def test_input_scales_and_matrices_are_refused():
    x, w = images()
    with pytest.raises(ModelError, match="Xscale is given with precision int8_winograd; wanted it with int8"):
        values(x, w, xscale=np.ones(1, F))
    with pytest.raises(ModelError, match="int8_winograd on a matrix operator; wanted it on images only"):
        gemm_srmm(x[0, 0], w[:, 0, 0], activation=Activation.none(), precision=INT8_WINOGRAD)


def test_weights_that_are_not_finite_are_refused():
    x, w = images()
    w[1, 2, 0, 3] = np.nan
    for precision in (INT8, INT8_WINOGRAD):
        with pytest.raises(ModelError, match=f"W holds a value that is not finite.*precision {precision}"):
            conv_srmm(x, w, precision=precision, **LAYER)
