"""The algorithms that compute all outputs of a convolution: directly, 1 x 1, Winograd, and with strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_srmm
from spl_onnx.spec.shapes import conv_direction, pool_direction
from tests.ort_ops.strategies import ConvCase, poolings
from tests.ort_ops.test_conv_srmm import assert_close, run, selection

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
#: (kernel, stride) -> the algorithm that large layers take.
ALGORITHMS = {
    (1, 1): "pointwise",
    (1, 2): "pointwise",
    (2, 1): "winograd",
    (3, 1): "winograd",
    (4, 1): "winograd",
    (5, 1): "winograd",
    (7, 2): "space_to_depth",
    (8, 2): "space_to_depth",
    (11, 4): "space_to_depth",
    (3, 2): "space_to_depth",
    (3, 3): "direct",
    (6, 1): "direct",
}


def make_case(
    seed: int,
    kernel: int,
    stride: int,
    size: tuple[int, int],
    channels: int,
    outputs: int,
    **options: Any,
) -> ConvCase:
    """A layer of normal values; options are n, pads, pooling, residual (none, one or full) and group."""
    rng = np.random.default_rng(seed)
    group = options.get("group", 1)
    pads = options.get("pads", (kernel // 2,) * 4)
    geometry = ConvGeometry(strides=(stride, stride), pads=pads, group=group)
    n = options.get("n", 1)
    x = rng.standard_normal((n, *size, channels * group)).astype(np.float32)
    w = rng.standard_normal((outputs * group, kernel, kernel, channels)).astype(np.float32)
    b = rng.standard_normal(outputs * group).astype(np.float32)
    out = [(size[i] + pads[i] + pads[i + 2] - kernel) // stride + 1 for i in range(2)]
    residual = options.get("residual", "none")
    r = None
    if residual == "one":
        r = np.float32([0.75])
    elif residual == "full":
        r = rng.standard_normal((n, *out, outputs * group)).astype(np.float32)
    return ConvCase(x, w, b, r, geometry, options.get("pooling", Pooling.none()), rng)


def reference(case: ConvCase, s: np.ndarray | None, activation: Activation) -> np.ndarray:
    return conv_srmm(
        case.x,
        case.w,
        case.b,
        s,
        case.r,
        geometry=case.geometry,
        pooling=case.pooling,
        activation=activation,
    )


def fits(case: ConvCase) -> bool:
    """Whether the pooling window fits the output of the convolution."""
    try:
        for i in range(2):
            kernel = (case.w.shape[1], case.w.shape[2])
            pool_direction(i, conv_direction(i, case.x.shape[1 + i], kernel, case.geometry), case.pooling)
    except ModelError:
        return False
    return True


def algorithm(case: ConvCase) -> str:
    return str(_kernels.conv_algorithm(case.x, case.w, strategy="dense", **case.keywords))


@pytest.mark.parametrize(("kernel", "stride"), list(ALGORITHMS))
@pytest.mark.parametrize("residual", ["none", "one", "full"])
@pytest.mark.parametrize("pooled", [False, True])
def test_large_layers_take_the_way_that_gains(
    isa: str, kernel: int, stride: int, residual: str, pooled: bool
) -> None:
    """Sizes that no tile, square or vector divides; several tiles."""
    pooling = Pooling((3, 3), (2, 2), (1, 0, 0, 1), True) if pooled else Pooling.none()
    first = stride > 1 and kernel > 3
    case = make_case(
        1,
        kernel,
        stride,
        (41 * stride, 37 * stride),
        3 if first else 35,
        83,
        n=2,
        pooling=pooling,
        residual=residual,
    )
    assert algorithm(case) == ALGORITHMS[kernel, stride]
    relu = Activation.relu()
    got = run(case, None, relu, isa=isa, strategy="dense", threads=2)
    assert_close(got, reference(case, None, relu), case, relu)
    np.testing.assert_array_equal(run(case, None, relu, isa=isa, strategy="dense"), got)
    alone = ConvCase(
        case.x[1:],
        case.w,
        case.b,
        case.r if case.r is None or case.r.size == 1 else case.r[1:],
        case.geometry,
        case.pooling,
        case.rng,
    )
    np.testing.assert_array_equal(run(alone, None, relu, isa=isa, strategy="dense", threads=3), got[1:])


@MANY
@given(
    kernel=st.integers(2, 5),
    size=st.tuples(st.integers(5, 30), st.integers(5, 30)),
    channels=st.sampled_from((8, 16, 19, 40)),
    outputs=st.sampled_from((8, 16, 30, 70)),
    pads=st.tuples(*[st.integers(0, 3)] * 4),
    group=st.sampled_from((1, 1, 2)),
    pooling=poolings(),
    residual=st.sampled_from(("none", "one", "full")),
    activation=st.sampled_from((Activation.relu(), Activation.clip(2.0), Activation(0.0, np.inf, 0.5))),
    selected=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_winograd_equals_the_reference(
    isa: str,
    kernel: int,
    size: tuple[int, int],
    channels: int,
    outputs: int,
    pads: tuple[int, ...],
    group: int,
    pooling: Pooling,
    residual: str,
    activation: Activation,
    selected: bool,
    seed: int,
) -> None:
    options = {"pads": pads, "group": group, "pooling": pooling, "residual": residual}
    case = make_case(seed, kernel, 1, size, channels, outputs, **options)
    assume(fits(case))
    s = selection(case, 0.6) if selected else None
    got = run(case, s, activation, isa=isa, strategy="dense")
    assert_close(got, reference(case, s, activation), case, activation)
    if s is not None:
        assert not got[s == 0].any()


@MANY
@given(
    kernel=st.integers(2, 9),
    stride=st.integers(2, 4),
    size=st.tuples(st.integers(9, 60), st.integers(9, 60)),
    channels=st.sampled_from((1, 3, 5)),
    outputs=st.sampled_from((8, 16, 30, 70)),
    pads=st.tuples(*[st.integers(0, 4)] * 4),
    pooling=poolings(),
    seed=st.integers(0, 2**32 - 1),
)
def test_first_layers_equal_the_reference(
    isa: str,
    kernel: int,
    stride: int,
    size: tuple[int, int],
    channels: int,
    outputs: int,
    pads: tuple[int, ...],
    pooling: Pooling,
    seed: int,
) -> None:
    case = make_case(seed, kernel, stride, size, channels, outputs, pads=pads, pooling=pooling)
    assume(fits(case))
    relu = Activation.relu()
    assert_close(run(case, None, relu, isa=isa, strategy="dense"), reference(case, None, relu), case, relu)


@pytest.mark.parametrize("kernel", [3, 5])
def test_rounding_errors_are_a_few_times_those_of_direct_sums(isa: str, kernel: int) -> None:
    """Root mean squares, of activations after ReLU; direct sums are those of the algorithm that selects."""
    case = make_case(3, kernel, 1, (24, 24), 256, 64)
    case.x = np.maximum(case.x, 0)
    none = Activation.none()
    exact = reference(case, None, none)  # summed in float64
    assert algorithm(case) == "winograd"
    fewer = np.sqrt(np.mean((run(case, None, none, isa=isa, strategy="dense") - exact) ** 2))
    direct = np.sqrt(np.mean((run(case, None, none, isa=isa, strategy="zero_skip") - exact) ** 2))
    assert fewer < 4 * direct


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (7, 2)])
def test_a_value_that_is_not_finite_stays_in_its_place(
    isa: str, kernel: int, stride: int, value: float
) -> None:
    """Transforms mix the pixels of a square; outputs that do not see the bad pixel keep their values."""
    case = make_case(4, kernel, stride, (30, 30), 3 if stride > 1 else 24, 32)
    assert algorithm(case) == ALGORITHMS[kernel, stride]
    none = Activation.none()
    want = reference(case, None, none)
    case.x[0, 13, 14, 1] = value
    got = run(case, None, none, isa=isa, strategy="dense")
    touched = np.zeros(want.shape[1:3], bool)
    for y in range(want.shape[1]):
        for x in range(want.shape[2]):
            inside = (y * stride - kernel // 2 <= 13 < y * stride - kernel // 2 + kernel) and (
                x * stride - kernel // 2 <= 14 < x * stride - kernel // 2 + kernel
            )
            touched[y, x] = inside
    case.x[0, 13, 14, 1] = 0
    assert touched.any() and np.isfinite(got[0][~touched]).all()
    assert np.abs(got[0][~touched] - want[0][~touched]).max() <= case.tolerance()


def test_few_or_small_pixels_are_computed_directly() -> None:
    """Transformed weights are four times as large: a map of few pixels does not pay for reading them."""
    assert algorithm(make_case(5, 3, 1, (12, 12), 512, 64)) == "winograd"
    assert algorithm(make_case(5, 3, 1, (2, 2), 512, 64)) == "direct"
    assert algorithm(make_case(5, 3, 1, (30, 30), 3, 64)) == "direct"


@pytest.mark.parametrize("strategy", ["dense", "zero_skip"])
@pytest.mark.parametrize("size", [(8, 8), (16, 16), (7, 11), (33, 5), (4, 30), (1, 9)])
@pytest.mark.parametrize(("kernel", "residual"), [(3, "full"), (2, "none"), (5, "one"), (1, "full")])
def test_small_layers_are_cut_for_the_threads_that_were_seen(
    isa: str, strategy: str, size: tuple[int, int], kernel: int, residual: str
) -> None:
    """Two threads take two of four images each, three and five share every one: not a bit changes."""
    case = make_case(3, kernel, 1, size, 24, 37, n=4, residual=residual)
    case.x[case.x < -0.2] = 0
    relu = Activation.relu()
    for s in (None, selection(case, 0.4)):
        one = run(case, s, relu, isa=isa, strategy=strategy)
        assert_close(one, reference(case, s, relu), case, relu)
        for threads in (2, 3, 5):
            many = run(case, s, relu, isa=isa, strategy=strategy, threads=threads)
            np.testing.assert_array_equal(many, one)
