"""Reference of the image operators (domain ai.spl.conv), channels last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.spec.arithmetic import Product, activated_values, predictor_scores, quantized_values
from spl_onnx.spec.attributes import FLOAT32, INT8, INT8_WINOGRAD, Activation, ConvGeometry, Pooling
from spl_onnx.spec.checks import check_image, check_precision
from spl_onnx.spec.codes import Code, check_byte_precision, checked_bytes, residual_values
from spl_onnx.spec.quantize import weight_values
from spl_onnx.spec.reference_winograd import winograd_values
from spl_onnx.spec.shapes import conv_direction
from spl_onnx.spec.window import select, value_at, window_max


def _output_shape(x: Array, w: Array, geometry: ConvGeometry) -> tuple[int, int, int, int]:
    """Shape `[N,oH,oW,O]` before pooling; checks that `x` and `w` fit."""
    check_image(x, w, geometry.group)
    height, width = (conv_direction(i, x.shape[i + 1], w.shape[1:3], geometry) for i in range(2))
    return x.shape[0], height, width, w.shape[0]


def _convolution(shape: tuple[int, int, int, int], geometry: ConvGeometry) -> Product:
    """The sum of products of a convolution with output `shape` `[N,oH,oW,O]`, in float64."""
    n, height, width, filters = shape
    group = geometry.group

    def product(x: Array, w: Array) -> Array:
        top, left, bottom, right = geometry.pads
        padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        # One matrix product per kernel tap and group keeps memory at the size of the output.
        taps = w.reshape(group, filters // group, *w.shape[1:]).transpose(2, 3, 0, 4, 1)
        total = np.zeros((group, n * height * width, filters // group))
        for i, j in np.ndindex(w.shape[1], w.shape[2]):
            row, column = i * geometry.dilations[0], j * geometry.dilations[1]
            view = padded[:, row :: geometry.strides[0], column :: geometry.strides[1]][:, :height, :width]
            total += view.reshape(n * height * width, group, w.shape[3]).transpose(1, 0, 2) @ taps[i, j]
        return total.transpose(1, 0, 2).reshape(shape)

    return product


def conv_scores(
    x: Array,
    wp: Array,
    bp: Array,
    wscale: Array | None = None,
    xscale: Array | None = None,
    r: Array | None = None,
    *,
    geometry: ConvGeometry,
) -> NDArray[np.float32]:
    """Scores `[N,oH,oW,O]` of a predictor, before selection; arguments as for `conv_predict`."""
    shape = _output_shape(x, wp, geometry)
    product = _convolution(shape, geometry)
    return predictor_scores(x, wp, bp, wscale, xscale, r, product=product, shape=shape, sample_axes=(1, 2, 3))


def conv_predict(
    x: Array,
    wp: Array,
    bp: Array,
    wscale: Array | None = None,
    xscale: Array | None = None,
    r: Array | None = None,
    *,
    geometry: ConvGeometry,
    pooling: Pooling,
    select_all: bool = False,
) -> NDArray[np.uint8]:
    """SPLPredict on images.

    Args:
        x: `[N,H,W,C]` float32.
        wp: `[O,kH,kW,C/group]` float32 or int8.
        bp: `[O]` float32.
        wscale: `[O]` float32, with int8 weights.
        xscale: `[1]` or `[2]` float32, with int8 weights; None is one scale per image.
        r: `[N,oH,oW,O]` or one element, float32; None is 0.
        geometry: The convolution.
        pooling: The window behind it.
        select_all: Whether every window gets its best place.

    Returns:
        `[N,pH,pW,O]` uint8, see `window.select`.

    Raises:
        ModelError: Inputs that do not fit each other.
    """
    scores = conv_scores(x, wp, bp, wscale, xscale, r, geometry=geometry)
    return select(scores, pooling, select_all)


def conv_srmm(
    x: Array,
    w: Array,
    b: Array | None = None,
    s: Array | None = None,
    r: Array | None = None,
    xscale: Array | None = None,
    wscale: Array | None = None,
    *,
    geometry: ConvGeometry,
    pooling: Pooling,
    activation: Activation,
    precision: str = FLOAT32,
) -> NDArray[np.float32]:
    """SRMM on images.

    Args:
        x: `[N,H,W,C]` float32.
        w: `[O,kH,kW,C/group]` float32, or int8 where `precision` is not float32.
        b: `[O]` float32; None is 0.
        s: `[N,pH,pW,O]` uint8; None selects everything.
        r: `[N,oH,oW,O]` or one element, float32; None is 0.
        xscale: `[1]` or `[2]` float32: the 8 bits of `x`; None is one scale per image. With int8 only.
        wscale: `[O]` float32, with int8 weights; with others None, or one element that is 1.
        geometry: The convolution.
        pooling: The window behind it.
        activation: Clipping and floor.
        precision: What is multiplied in.

    Returns:
        `[N,pH,pW,O]` float32.

    Raises:
        ModelError: Inputs that do not fit each other, or a selection outside window or image.
    """
    shape = _output_shape(x, w, geometry)
    check_precision(w, xscale, precision, wscale)
    real = weight_values(w, wscale)
    product = _convolution(shape, geometry)
    if precision == INT8:
        values = quantized_values(
            x,
            w,
            b,
            r,
            xscale,
            wscale,
            product=product,
            shape=shape,
            sample_axes=(1, 2, 3),
            activation=activation,
        )
    else:
        values = activated_values(x, real, b, r, product=product, shape=shape, activation=activation)
    if precision == INT8_WINOGRAD:
        values = winograd_values(
            x, real, b, r, values, shape=shape, geometry=geometry, pooling=pooling, activation=activation
        )
    return _chosen(values, s, pooling)


def _chosen(values: Array, s: Array | None, pooling: Pooling) -> NDArray[np.float32]:
    """The largest value of every window, or the one that `s` selects."""
    return np.asarray(window_max(values, pooling) if s is None else value_at(values, s, pooling), np.float32)


def conv_qsrmm(
    x: Array,
    w: Array,
    b: Array | None = None,
    s: Array | None = None,
    r: Array | None = None,
    xscale: Array | None = None,
    rscale: Array | None = None,
    yscale: Array | None = None,
    wscale: Array | None = None,
    *,
    geometry: ConvGeometry,
    pooling: Pooling,
    activation: Activation,
    precision: str,
) -> NDArray[np.uint8]:
    """QSRMM on images.

    Args:
        x: `[N,H,W,C]` uint8.
        w: `[O,kH,kW,C/group]` float32, or int8 where `precision` is not float32.
        b: `[O]` float32; None is 0.
        s: `[N,pH,pW,O]` uint8; None selects everything.
        r: `[N,oH,oW,O]` or one element, uint8; None is 0.
        xscale: `[1]` or `[2]` float32, scale and zero point of `x`; it is needed.
        rscale: The same of `r`, needed with it.
        yscale: The same of what is returned; it is needed.
        wscale: `[O]` float32, with int8 weights; with others None, or one element that is 1.
        geometry: The convolution.
        pooling: The window behind it.
        activation: Clipping and floor.
        precision: int8 or int8_winograd.

    Returns:
        `[N,pH,pW,O]` uint8.

    Raises:
        ModelError: Inputs that do not fit each other, or a selection outside window or image.
    """
    check_byte_precision(precision)
    code = Code.read("Xscale", xscale)
    steps = code.steps(checked_bytes("X", x))
    shape = _output_shape(steps, w, geometry)
    check_precision(w, None, precision, wscale)
    residual = residual_values(r, rscale)
    if precision == INT8:
        values = quantized_values(
            x,
            w,
            b,
            residual,
            xscale,
            wscale,
            product=_convolution(shape, geometry),
            shape=shape,
            sample_axes=(1, 2, 3),
            activation=activation,
        )
    else:
        values = winograd_values(
            steps,
            weight_values(w, wscale),
            b,
            residual,
            None,
            shape=shape,
            scale=code.scale,
            geometry=geometry,
            pooling=pooling,
            activation=activation,
        )
    return Code.read("Yscale", yscale).levels(_chosen(values, s, pooling))
