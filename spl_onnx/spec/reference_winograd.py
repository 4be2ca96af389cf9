"""SRMM with precision int8_winograd: Winograd's convolution whose products are those of bytes.

The output of the convolution is cut into squares of m x m values, m = 7 - k for kernels of k x k, from its
top left corner on. The 6 x 6 inputs under a square are transformed; each of the 36 positions of a square has
a scale of its own over the channels of a group, and so has each position of the transformed weights of an
output. Every step is one float32 operation, or one multiply-add that is rounded once, so all machines give
the same bits.

Points and transforms: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016,
with the points 0, +-11/16, +-3/2 and infinity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.arithmetic import activated
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.checks import check_residual
from spl_onnx.spec.window import seen_places

Float = NDArray[np.float32]

SIDE = 6
_A, _B = 0.6875, 1.5
_AA, _BB = _A * _A, _B * _B
#: Magnitudes below are those of a place that is 0.
_LEAST = np.float32(1e-30)
_LEVELS = np.float32(127)


def winograd_suits(w: Array, geometry: ConvGeometry) -> bool:
    """Whether weights `[O,k,k,C/group]` can be multiplied so.

    Square kernels of 2 to 5, no strides or dilations, at least eight channels and eight outputs in a group.
    """
    outputs, high, wide, channels = w.shape
    square = high == wide and 2 <= high <= 5
    dense = geometry.strides == (1, 1) and geometry.dilations == (1, 1)
    return square and dense and channels >= 8 and outputs // geometry.group >= 8


def winograd_values(
    x: Array,
    w: Array,
    b: Array | None,
    r: Array | None,
    direct: Float | None,
    *,
    shape: tuple[int, ...],
    scale: Array | None = None,
    geometry: ConvGeometry,
    pooling: Pooling,
    activation: Activation,
) -> Float:
    """Values of SRMM before selection and pooling.

    Args:
        x: `[N,H,W,C]` float32; with `scale` whole numbers, how many steps a byte is from its zero point.
        w: `[O,k,k,C/group]` float32.
        b: `[O]` float32, or None.
        r: `[N,oH,oW,O]` or one element, float32, or None.
        direct: `[N,oH,oW,O]`, the values in float32: those of images that hold, or lead to, a value that is
            not finite in a square that pooling looks at. None for bytes, which are always finite.
        shape: `[N,oH,oW,O]`.
        scale: One step of bytes; None for float32.
        geometry: The convolution.
        pooling: The window behind it.
        activation: Clipping and floor.

    Raises:
        ModelError: The layer does not suit this precision.
    """
    if not winograd_suits(w, geometry):
        raise ModelError(
            f"precision int8_winograd with weights {list(w.shape)}, strides {list(geometry.strides)}, "
            f"dilations {list(geometry.dilations)}; wanted a square kernel of 2 to 5 without either, and at "
            "least 8 channels and outputs in a group"
        )
    bias = np.zeros(len(w), np.float32) if b is None else np.asarray(b, np.float32)
    residual = np.float32(0) if r is None else check_residual(r, shape)
    with np.errstate(over="ignore", invalid="ignore"):
        squares, finite = _squares_of_values(x, w, bias, geometry, shape, scale)
        n, down, across, m = squares.shape[:4]
        values = squares.transpose(0, 1, 3, 2, 4, 5).reshape(n, down * m, across * m, len(w))
        values = activated(values[:, : shape[1], : shape[2]] + residual, activation)
    if direct is None:
        return values
    whole = (finite | ~_seen_squares(shape, pooling, m)).all(axis=(1, 2), keepdims=True)
    return np.where(np.expand_dims(whole, 3), values, direct)


def _seen_squares(shape: tuple[int, ...], pooling: Pooling, m: int) -> NDArray[np.bool_]:
    """Which squares `[down,across]` a window reaches into."""
    rows, columns = (
        np.pad(seen, (0, -len(seen) % m)).reshape(-1, m).max(axis=1) for seen in seen_places(shape, pooling)
    )
    return np.asarray(np.logical_and.outer(rows, columns))


def _squares_of_values(
    x: Array, w: Array, bias: Array, geometry: ConvGeometry, shape: tuple[int, ...], step: Array | None
) -> tuple[Float, NDArray[np.bool_]]:
    """Sums and bias `[N,down,across,m,m,O]`, and which squares `[N,down,across]` are finite."""
    m = SIDE + 1 - w.shape[1]
    n, height, width, _ = shape
    down, across = -(-height // m), -(-width // m)
    pixels = _squares(x, geometry, m, down, across)
    group, channels = geometry.group, w.shape[3]
    places = _transformed(pixels).reshape(n, down, across, SIDE, SIDE, group, channels)
    levels, scale = _quantised(places)
    scale = scale if step is None else scale * np.asarray(step, np.float32)
    weights, wscale = _quantised_weights(w)
    weights = weights.reshape(SIDE, SIDE, group, -1, channels)
    exact = np.einsum("nyxijgc,ijgoc->nyxijgo", levels.astype(np.float64), weights, optimize=True)
    scales = wscale.reshape(SIDE, SIDE, group, -1) * scale[..., None]
    products = exact.astype(np.float32) * scales
    values = _back(products.reshape(n, down, across, SIDE, SIDE, len(w)), m) + bias
    finite = np.isfinite(places).all(axis=(3, 4, 5, 6)) & np.isfinite(values).all(axis=(3, 4, 5))
    return values, np.asarray(finite)


def _squares(x: Array, geometry: ConvGeometry, m: int, down: int, across: int) -> Array:
    """The 6 x 6 inputs of every square, `[N,down,across,6,6,C]`; zeros beyond the image."""
    top, left = geometry.pads[:2]
    high, wide = (down - 1) * m + SIDE, (across - 1) * m + SIDE
    canvas = np.zeros(
        (x.shape[0], max(high, top + x.shape[1]), max(wide, left + x.shape[2]), x.shape[3]), np.float32
    )
    canvas[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    rows = np.arange(down)[:, None] * m + np.arange(SIDE)
    columns = np.arange(across)[:, None] * m + np.arange(SIDE)
    return canvas[:, rows[:, None, :, None], columns[None, :, None, :]]


def _fma(a: Array | float, b: Array, c: Array) -> Float:
    """The float32 nearest to a * b + c, rounded once.

    A product of two float32 is exact in float64, the sum is not: what it lost makes its last bit odd, so that
    the second rounding takes the side of the exact value.
    """
    product, addend = np.float64(np.float32(a)) * b.astype(np.float64), c.astype(np.float64)
    total = product + addend
    part = total - product
    lost = (product - (total - part)) + (addend - part)
    even = (total.view(np.int64) & 1) == 0
    odd = np.where((abs(lost) > 0) & even, np.nextafter(total, np.copysign(np.inf, lost)), total)
    return np.asarray(odd, np.float32)


def _input_points(x: Array) -> list[Float]:
    """Six values (first direction) to the six points."""
    product, minus_sum = _AA * _BB, -(_AA + _BB)
    even_a, odd_a = _fma(-_BB, x[2], x[4]), _fma(-_BB, x[1], x[3])
    even_b, odd_b = _fma(-_AA, x[2], x[4]), _fma(-_AA, x[1], x[3])
    return [
        _fma(product, x[0], _fma(minus_sum, x[2], x[4])),
        _fma(_A, odd_a, even_a),
        _fma(-_A, odd_a, even_a),
        _fma(_B, odd_b, even_b),
        _fma(-_B, odd_b, even_b),
        _fma(product, x[1], _fma(minus_sum, x[3], x[5])),
    ]


def _output_points(p: Array, m: int) -> list[Float]:
    """Six points (first direction) to m values."""
    sum_a, sum_b = p[1] + p[2], p[3] + p[4]
    difference_a, difference_b = p[1] - p[2], p[3] - p[4]
    values = [p[0] + (sum_a + sum_b)]
    factors = [(_A, _B), (_AA, _BB), (_AA * _A, _BB * _B), (_AA * _AA, _BB * _BB)]
    for k, (a, b) in enumerate(factors[: m - 1]):
        first, second = (sum_a, sum_b) if k % 2 else (difference_a, difference_b)
        values.append(_fma(a, first, np.float32(b) * second))
    values[m - 1] = values[m - 1] + p[5]
    return values


def _transformed(pixels: Array) -> Float:
    """`[...,6,6,C]` inputs to places: down the columns first, then along the rows."""
    columns = np.stack(_input_points(np.moveaxis(pixels, -3, 0)), axis=-3)
    return np.stack(_input_points(np.moveaxis(columns, -2, 0)), axis=-2)


def _back(places: Array, m: int) -> Float:
    """`[...,6,6,O]` sums to `[...,m,m,O]` values: along the rows first, then down the columns."""
    rows = np.stack(_output_points(np.moveaxis(places, -2, 0), m), axis=-2)
    return np.stack(_output_points(np.moveaxis(rows, -3, 0), m), axis=-3)


def _quantised(places: Array) -> tuple[Float, Float]:
    """Levels in -127..127 of `[...,channels]`, and scales `[...]`."""
    most = np.maximum(np.abs(places).max(axis=-1), _LEAST)
    levels = np.rint(places.astype(np.float64) * (_LEVELS / most)[..., None].astype(np.float64))
    return levels, most / _LEVELS


def _quantised_weights(w: Array) -> tuple[Array, Float]:
    """Levels `[6,6,O,C/group]` of the transformed weights, and scales `[6,6,O]`; float64 up to the levels."""
    points = _weight_points(np.moveaxis(w.astype(np.float64), 1, 0))
    both = _weight_points(np.moveaxis(np.stack(points, axis=0), 2, 0))
    u = np.stack(both, axis=1)  # [6 down, 6 across, O, C]
    most = np.maximum(np.abs(u).max(axis=-1), 1e-30)
    return np.rint(u / most[..., None] * 127), np.asarray(most / 127, np.float32)


def _weight_points(g: Array) -> list[Array]:
    """Weights (first direction) at the six points, by Horner's rule."""
    points = (0.0, _A, -_A, _B, -_B)
    norm_a, norm_b = 2 * _A * _A * (_A * _A - _B * _B), 2 * _B * _B * (_B * _B - _A * _A)
    norms = (_A * _A * _B * _B, norm_a, norm_a, norm_b, norm_b)
    values = []
    for point, norm in zip(points, norms, strict=True):
        total = np.zeros_like(g[0])
        for weight in g[::-1]:
            total = total * point + weight
        values.append(total / norm)
    return [*values, g[-1]]
