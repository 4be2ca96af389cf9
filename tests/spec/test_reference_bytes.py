"""QSRMM and pooling of bytes: what SRMM makes of the values that the bytes stand for."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import INT8, INT8_WINOGRAD, Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import byte_average, byte_max_pool, conv_qsrmm, gemm_qsrmm, max_pool
from tests.spec.byte_layers import ACTIVATIONS, RSCALE, XSCALE, YSCALE, by_values, some_bytes
from tests.spec.cases import floats

SCALES = (XSCALE, RSCALE, YSCALE)
SITE = {"geometry": ConvGeometry(pads=(1, 1, 0, 2)), "pooling": Pooling((3, 2), (2, 1))}


def image_layer(
    residual: bool = True, selected: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    rng = np.random.default_rng(3)
    w, b = floats(rng, 9, 3, 3, 8), floats(rng, 9)
    s = rng.integers(0, 7, (2, 4, 9, 9), np.uint8) if selected else None
    return some_bytes(0, 2, 11, 9, 8), w, b, s, some_bytes(1, 2, 10, 10, 9) if residual else None


@pytest.mark.parametrize("precision", [INT8, INT8_WINOGRAD])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, Activation(0.0, np.inf, 3.0)])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("selected", [True, False])
def test_images_equal_their_values_bit_for_bit(precision, activation, residual, selected):
    layer = image_layer(residual, selected)
    how = {**SITE, "activation": activation, "precision": precision}
    got = conv_qsrmm(*layer, *SCALES, **how)
    assert got.dtype == np.uint8 and len(np.unique(got)) > 4
    np.testing.assert_array_equal(got, by_values(*layer, **how))


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("selected", [True, False])
def test_matrices_equal_their_values_bit_for_bit(transposed, selected):
    rng = np.random.default_rng(3)
    w, b = floats(rng, 9, 5), floats(rng, 9)
    x, r = some_bytes(0, 2, 6, 5), some_bytes(1, 2, 6, 9)
    s = rng.integers(0, 2, (2, 6, 9), np.uint8) if selected else None
    how = {"activation": Activation.none(), "transposed": transposed, "precision": INT8}
    layer = (x, w.T if transposed else w, b, s, r)
    got = gemm_qsrmm(*layer, *SCALES, **how)
    assert len(np.unique(got)) > 4
    np.testing.assert_array_equal(got, by_values(*layer, **how))


def test_what_is_not_selected_is_the_zero_point():
    x, w, b, _, r = image_layer()
    s = np.zeros((2, 4, 9, 9), np.uint8)
    how = {**SITE, "activation": Activation.none(), "precision": INT8}
    assert np.unique(conv_qsrmm(x, w, b, s, r, *SCALES, **how)).tolist() == [20]


def test_a_residual_of_one_byte_is_added_everywhere():
    x, w, b, _, r = image_layer()
    how = {**SITE, "activation": Activation.none(), "precision": INT8}
    one = conv_qsrmm(x, w, b, None, np.uint8([[[[210]]]]), *SCALES, **how)
    np.testing.assert_array_equal(one, conv_qsrmm(x, w, b, None, np.full_like(r, 210), *SCALES, **how))
    none = conv_qsrmm(x, w, b, None, np.uint8([[[[200]]]]), *SCALES, **how)
    np.testing.assert_array_equal(none, conv_qsrmm(x, w, b, None, None, XSCALE, None, YSCALE, **how))


def test_means():
    x = some_bytes(0, 2, 5, 6, 3)
    values = (x.astype(np.float64) - float(XSCALE[1])) * float(XSCALE[0])
    got = byte_average(x, XSCALE)
    assert got.dtype == np.float32 and got.shape == (2, 1, 1, 3)
    # The sum, the share of a pixel and their product, each rounded once.
    rtol = 2 * np.finfo(np.float32).eps
    np.testing.assert_allclose(got, values.mean(axis=(1, 2), keepdims=True), rtol=rtol)
    assert byte_average(x[:0], XSCALE).shape == (0, 1, 1, 3)
    with pytest.raises(ModelError, match="an image without values"):
        byte_average(x[:, :0], XSCALE)
    with pytest.raises(ModelError, match="at most 8388608 pixels"):
        byte_average(np.zeros((1, 2, 5 << 20, 1), np.uint8), XSCALE)


def test_pooling():
    x = some_bytes(0, 2, 5, 6, 3)
    for pooling in (Pooling((3, 2), (2, 2), (1, 0, 1, 1), True), Pooling((5, 6))):
        got = byte_max_pool(x, pooling)
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, max_pool(x.astype(np.float32), pooling))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "float32"}, "wanted int8 or int8_winograd for bytes"),
        ({"x": np.zeros((2, 11, 9, 8), np.float32)}, "X has type float32; wanted uint8"),
        ({"r": np.zeros((2, 10, 10, 9), np.int8)}, "R has type int8; wanted uint8"),
        ({"r": np.zeros((2, 10, 10, 8), np.uint8)}, r"wanted \[2, 10, 10, 9\] or one element"),
        ({"xscale": None}, "Xscale is missing"),
        ({"rscale": None}, "Rscale is missing"),
        ({"yscale": None}, "Yscale is missing"),
        ({"yscale": np.float32([1, 256])}, "Yscale holds the zero point 256"),
        ({"w": np.full((9, 3, 3, 8), np.inf, np.float32)}, "wanted finite weights"),
    ],
)
def test_images_that_do_not_fit_are_refused(changes, message):
    x, w, b, _, r = image_layer()
    given = {
        "x": x,
        "w": w,
        "b": b,
        "r": r,
        "xscale": XSCALE,
        "rscale": RSCALE,
        "yscale": YSCALE,
        "precision": INT8,
    }
    with pytest.raises(ModelError, match=message):
        conv_qsrmm(**{**given, **changes}, **SITE, activation=Activation.none())


def test_matrices_and_pooling_that_do_not_fit_are_refused():
    x, w = some_bytes(0, 2, 5), np.ones((3, 5), np.float32)
    scales = {"xscale": XSCALE, "yscale": YSCALE, "activation": Activation.none()}
    with pytest.raises(ModelError, match="precision int8_winograd on a matrix operator"):
        gemm_qsrmm(x, w, **scales, precision=INT8_WINOGRAD)
    with pytest.raises(ModelError, match="X has type float32; wanted uint8"):
        gemm_qsrmm(x.astype(np.float32), w, **scales)
    with pytest.raises(ModelError, match="X has type float32; wanted uint8"):
        byte_max_pool(np.ones((1, 2, 2, 1), np.float32), Pooling((2, 2)))
