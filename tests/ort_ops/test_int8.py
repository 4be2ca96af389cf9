"""SRMM with products in 8 bits: the bits of the reference, on every instruction set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import INT8, INT8_WINOGRAD, Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_predict, conv_srmm, gemm_srmm
from spl_onnx.spec.shapes import pool_direction
from tests.ort_ops.strategies import (
    ACTIVATIONS,
    ConvCase,
    conv_cases,
    depthwise_cases,
    poolings,
    sparse_normal,
)

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(max_examples=60, deadline=None)
XSCALES = (None, np.float32([0.02]), np.float32([0.03, 100]))
STRATEGIES = ("auto", "select", "zero_skip", "dense")


def activation_options(activation: Activation) -> dict[str, float]:
    return {"clip_min": activation.clip_min, "clip_max": activation.clip_max, "floor": activation.floor}


def check(
    case: ConvCase, s: Any, activation: Activation, precision: str, xscale: Any = None, **how: Any
) -> None:
    want = conv_srmm(
        case.x,
        case.w,
        case.b,
        s,
        case.r,
        xscale,
        geometry=case.geometry,
        pooling=case.pooling,
        activation=activation,
        precision=precision,
    )
    options = activation_options(activation) | case.keywords | how
    got = _kernels.conv_srmm(case.x, case.w, case.b, s, case.r, precision=precision, xscale=xscale, **options)
    np.testing.assert_array_equal(got, want)


def selection(case: ConvCase) -> np.ndarray:
    return conv_predict(case.x, case.w, case.b, r=case.r, geometry=case.geometry, pooling=case.pooling)


@MANY
@given(
    case=conv_cases(),
    activation=st.sampled_from(ACTIVATIONS),
    selected=st.booleans(),
    xscale=st.sampled_from(XSCALES),
    threads=st.integers(1, 4),
    strategy=st.sampled_from(STRATEGIES),
)
def test_int8_on_images(
    isa: str,
    case: ConvCase,
    activation: Activation,
    selected: bool,
    xscale: np.ndarray | None,
    threads: int,
    strategy: str,
) -> None:
    s = selection(case) if selected else None
    check(case, s, activation, INT8, xscale, isa=isa, threads=threads, strategy=strategy)


@MANY
@given(
    case=depthwise_cases(),
    activation=st.sampled_from(ACTIVATIONS),
    selected=st.booleans(),
    xscale=st.sampled_from(XSCALES),
    threads=st.integers(1, 4),
)
def test_int8_on_images_with_a_group_for_each_channel(
    isa: str,
    case: ConvCase,
    activation: Activation,
    selected: bool,
    xscale: np.ndarray | None,
    threads: int,
) -> None:
    s = selection(case) if selected else None
    check(case, s, activation, INT8, xscale, isa=isa, threads=threads)


@st.composite
def winograd_cases(draw: st.DrawFn) -> ConvCase:
    """Layers of few squares and of several tiles of them, cut at all sides."""
    group, size = draw(st.sampled_from((1, 1, 2, 3))), draw(st.integers(2, 5))
    depth, outputs = draw(st.sampled_from((8, 9, 16, 17, 35))), draw(st.sampled_from((8, 16, 19, 66)))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
    pooling = draw(poolings())
    shape = [draw(st.sampled_from((0, 1, 2, 3, 5, 9, 22, 40))) + size + 2 for _ in range(2)]
    out = [shape[i] + pads[i] + pads[i + 2] - size + 1 for i in range(2)]
    try:
        for i in range(2):
            pool_direction(i, out[i], pooling)
    except ModelError:
        assume(False)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(0, 2))
    residual = {
        "none": None,
        "one": np.float32([0.75]),
        "full": sparse_normal(rng, (n, *out, group * outputs), 0.0),
    }
    return ConvCase(
        sparse_normal(rng, (n, *shape, group * depth), draw(st.sampled_from((0.0, 0.5, 1.0)))),
        sparse_normal(rng, (group * outputs, size, size, depth), 0.0),
        sparse_normal(rng, (group * outputs,), 0.0),
        residual[draw(st.sampled_from(tuple(residual)))],
        ConvGeometry(pads=pads, group=group),
        pooling,
        rng,
    )


@settings(max_examples=40, deadline=None)
@given(
    case=winograd_cases(),
    activation=st.sampled_from(ACTIVATIONS),
    selected=st.booleans(),
    threads=st.integers(1, 4),
    strategy=st.sampled_from(STRATEGIES),
)
def test_int8_winograd_on_images(
    isa: str, case: ConvCase, activation: Activation, selected: bool, threads: int, strategy: str
) -> None:
    s = selection(case) if selected else None
    check(case, s, activation, INT8_WINOGRAD, isa=isa, threads=threads, strategy=strategy)


@MANY
@given(
    rows=st.sampled_from((0, 1, 2, 7, 130)),
    k=st.sampled_from((1, 5, 16, 33, 64, 200, 600)),
    outputs=st.sampled_from((1, 15, 64, 65, 300)),
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(ACTIVATIONS),
    selected=st.booleans(),
    residual=st.sampled_from(("none", "one", "full")),
    transposed=st.booleans(),
    xscale=st.sampled_from(XSCALES),
    threads=st.integers(1, 4),
    strategy=st.sampled_from(STRATEGIES),
)
def test_int8_on_matrices(
    isa: str,
    rows: int,
    k: int,
    outputs: int,
    seed: int,
    activation: Activation,
    selected: bool,
    residual: str,
    transposed: bool,
    xscale: np.ndarray | None,
    threads: int,
    strategy: str,
) -> None:
    """Each row has a range of its own."""
    rng = np.random.default_rng(seed)
    x = sparse_normal(rng, (rows, k), 0.3) * (rng.random((rows, 1), np.float32) * 8)
    w, b = sparse_normal(rng, (outputs, k), 0.0), sparse_normal(rng, (outputs,), 0.0)
    added = {"none": None, "one": b[:1], "full": sparse_normal(rng, (rows, outputs), 0.0)}[residual]
    s = (rng.random((rows, outputs)) < 0.4).astype(np.uint8) if selected else None
    w = np.ascontiguousarray(w.T) if transposed else w
    given_to_both = (x, w, b, s, added)
    want = gemm_srmm(*given_to_both, xscale, activation=activation, transposed=transposed, precision=INT8)
    options = {"isa": isa, "threads": threads, "strategy": strategy, "transposed": transposed}
    got = _kernels.gemm_srmm(
        *given_to_both, precision=INT8, xscale=xscale, **options, **activation_options(activation)
    )
    np.testing.assert_array_equal(got, want)


def layer(size: int, pooling: Pooling | None = None, n: int = 3) -> ConvCase:
    """A 3 x 3 layer whose sums are exact in float32."""
    rng = np.random.default_rng(size)
    x, w, b = (
        rng.integers(-4, 5, shape).astype(np.float32)
        for shape in ((n, size, size, 19), (18, 3, 3, 19), (18,))
    )
    return ConvCase(x, w, b, None, ConvGeometry(), pooling or Pooling.none(), rng)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("precision", [INT8, INT8_WINOGRAD])
def test_values_that_are_not_finite(isa: str, precision: str, bad: float) -> None:
    """int8 quantises them; the Winograd form computes their image in float32, and that one alone."""
    case = layer(9)
    case.x[1, 4, 3, 7] = bad
    check(case, None, Activation.none(), precision, isa=isa)
    check(case, selection(case), Activation.relu(), precision, isa=isa, threads=2)
    place = {"geometry": case.geometry, "pooling": case.pooling, "activation": Activation.none()}
    got = _kernels.conv_srmm(
        case.x, case.w, case.b, precision=precision, isa=isa, **activation_options(Activation.none())
    )
    alone = conv_srmm(case.x[::2], case.w, case.b, precision=precision, **place)
    np.testing.assert_array_equal(got[::2], alone)
    if precision == INT8_WINOGRAD:
        np.testing.assert_array_equal(got[1], conv_srmm(case.x[1:2], case.w, case.b, **place)[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite(isa: str, bad: float) -> None:
    case = layer(9)
    x, w = case.x.reshape(-1, 19), np.ascontiguousarray(case.w[:, 0, 0])
    x[5, 3] = bad
    got = _kernels.gemm_srmm(x, w, case.b, precision=INT8, isa=isa)
    np.testing.assert_array_equal(got, gemm_srmm(x, w, case.b, activation=Activation.relu(), precision=INT8))


#: Kernel and strides of windows beyond which, and between which, there are squares that no window sees.
UNSEEN = [((2, 2), (2, 2)), ((1, 2), (9, 9)), ((2, 2), (6, 1))]


@pytest.mark.parametrize(("kernel", "strides"), UNSEEN)
@pytest.mark.parametrize("bad", [np.inf, np.finfo(np.float32).max])
def test_what_no_window_sees_does_not_count(
    isa: str, bad: float, kernel: tuple[int, int], strides: tuple[int, int]
) -> None:
    """Wherever the bad value is, the image is in float32 exactly where the reference has it so."""
    case = layer(23, Pooling(kernel, strides), n=1)
    case.w[case.w == 0] = 1  # no products that are not a number
    for row, column in ((22, 22), (7, 7), (9, 20), (11, 1), (22, 0)):
        x = case.x.copy()
        x[0, row, column, 2] = bad
        check(replace(case, x=x), None, Activation.none(), INT8_WINOGRAD, isa=isa)


def test_a_sum_that_overflows_beyond_the_image(isa: str) -> None:
    """The last square reaches beyond the image; its sums count where they lie."""
    case = layer(7, n=2)
    case.w[...] = 0
    case.w[:, 0, 0] = 3e18
    case.x[0, 6, 6] = 3e18
    check(case, None, Activation.none(), INT8_WINOGRAD, isa=isa)


@pytest.mark.parametrize("factor", [1e-38, 1e-30, 1e-18, 1e18, 1e30])
@pytest.mark.parametrize("precision", [INT8, INT8_WINOGRAD])
def test_tiny_and_huge_numbers(isa: str, precision: str, factor: float) -> None:
    case = layer(9)
    check(replace(case, x=case.x * np.float32(factor)), None, Activation.none(), precision, isa=isa)
    check(replace(case, w=case.w * np.float32(factor)), None, Activation.none(), precision, isa=isa)


def test_an_image_alone_gives_the_same_bits(isa: str) -> None:
    case = layer(30)
    for precision in (INT8, INT8_WINOGRAD):
        together = _kernels.conv_srmm(case.x, case.w, case.b, precision=precision, isa=isa, threads=3)
        for i, image in enumerate(case.x):
            alone = _kernels.conv_srmm(image[None], case.w, case.b, precision=precision, isa=isa)
            np.testing.assert_array_equal(alone[0], together[i])


def test_what_has_no_kernel_is_refused() -> None:
    case, scale = layer(9), np.float32([1.0])
    with pytest.raises(ValueError, match="the layer does not suit int8_winograd"):
        _kernels.conv_srmm(case.x, case.w, precision=INT8_WINOGRAD, strides=[2, 1])
    with pytest.raises(ValueError, match="the layer does not suit int8_winograd"):
        _kernels.gemm_srmm(case.x.reshape(-1, 19), case.w[:, 0, 0], precision=INT8_WINOGRAD)
    with pytest.raises(ValueError, match="wanted float32, int8 or int8_winograd, got int4"):
        _kernels.conv_srmm(case.x, case.w, precision="int4")
    for precision in ("float32", INT8_WINOGRAD):
        with pytest.raises(ValueError, match="Xscale: wanted with precision int8 only"):
            _kernels.conv_srmm(case.x, case.w, precision=precision, xscale=scale)
