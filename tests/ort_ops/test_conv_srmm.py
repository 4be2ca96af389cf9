"""SRMM on images against the reference: all attributes, algorithms, instruction sets, thread counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_predict, conv_srmm
from tests.ort_ops.strategies import ACTIVATIONS, ConvCase, conv_cases, depthwise_cases, sparse_normal

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def run(case: ConvCase, s: np.ndarray | None, activation: Activation, **options: object) -> np.ndarray:
    return np.asarray(
        _kernels.conv_srmm(
            case.x,
            case.w,
            case.b,
            s,
            case.r,
            **case.keywords,
            clip_min=activation.clip_min,
            clip_max=activation.clip_max,
            floor=activation.floor,
            **options,
        )
    )


def selection(case: ConvCase, density: float) -> np.ndarray:
    """Valid codes: the best place of each window, of which a share `density` is kept."""
    codes = conv_predict(
        case.x,
        case.w,
        case.b,
        None,
        None,
        case.r,
        geometry=case.geometry,
        pooling=case.pooling,
        select_all=True,
    )
    return np.where(case.rng.random(codes.shape) < density, codes, 0).astype(np.uint8)


def assert_close(got: np.ndarray, want: np.ndarray, case: ConvCase, activation: Activation) -> None:
    """Equal to rounding; at the floor a value may fall on either side."""
    tolerance = case.tolerance()
    wrong = np.abs(got - want) > tolerance
    if activation.floor > 0:
        wrong &= np.abs(np.maximum(got, want) - activation.floor) > tolerance
    assert got.shape == want.shape
    assert not wrong.any(), f"largest error {np.abs(got - want).max()}, allowed {tolerance}"


@MANY
@given(
    case=conv_cases(),
    activation=st.sampled_from(ACTIVATIONS),
    strategy=st.sampled_from(("auto", "zero_skip", "dense")),
)
def test_all_outputs_equal_the_reference(
    isa: str, case: ConvCase, activation: Activation, strategy: str
) -> None:
    want = conv_srmm(
        case.x,
        case.w,
        case.b,
        None,
        case.r,
        geometry=case.geometry,
        pooling=case.pooling,
        activation=activation,
    )
    assert_close(run(case, None, activation, isa=isa, strategy=strategy), want, case, activation)


@MANY
@given(
    case=conv_cases(),
    activation=st.sampled_from(ACTIVATIONS),
    strategy=st.sampled_from(("auto", "select", "zero_skip", "dense")),
    density=st.sampled_from((0.0, 0.1, 0.5, 1.0)),
)
def test_selected_outputs_equal_the_reference(
    isa: str, case: ConvCase, activation: Activation, strategy: str, density: float
) -> None:
    s = selection(case, density)
    want = conv_srmm(
        case.x, case.w, case.b, s, case.r, geometry=case.geometry, pooling=case.pooling, activation=activation
    )
    got = run(case, s, activation, isa=isa, strategy=strategy)
    assert_close(got, want, case, activation)
    assert not got[s == 0].any()


@MANY
@given(case=depthwise_cases(), activation=st.sampled_from(ACTIVATIONS), threads=st.integers(1, 3))
def test_a_group_for_each_channel(isa: str, case: ConvCase, activation: Activation, threads: int) -> None:
    codes = None if case.rng.random() < 0.5 else selection(case, 0.5)
    inputs = (case.x, case.w, case.b, codes, case.r)
    want = conv_srmm(*inputs, geometry=case.geometry, pooling=case.pooling, activation=activation)
    assert_close(run(case, codes, activation, isa=isa, threads=threads), want, case, activation)


@MANY
@given(case=conv_cases(), threads=st.sampled_from((2, 3)), density=st.sampled_from((0.2, None)))
def test_threads_and_batch_do_not_change_a_bit(
    isa: str, case: ConvCase, threads: int, density: float | None
) -> None:
    s = None if density is None else selection(case, density)
    relu = Activation.relu()
    want = run(case, s, relu, isa=isa)
    np.testing.assert_array_equal(run(case, s, relu, isa=isa, threads=threads), want)
    for i in range(len(case.x)):
        r = case.r if case.r is None or case.r.size == 1 else case.r[i : i + 1]
        alone = ConvCase(case.x[i : i + 1], case.w, case.b, r, case.geometry, case.pooling, case.rng)
        np.testing.assert_array_equal(
            run(alone, None if s is None else s[i : i + 1], relu, isa=isa)[0], want[i]
        )


def large_case(seed: int = 0) -> ConvCase:
    """Several tiles, bands, chunks and column blocks; sizes that divide nothing."""
    rng = np.random.default_rng(seed)
    x = sparse_normal(rng, (2, 45, 37, 70), 0.4)
    w = rng.standard_normal((150, 3, 3, 70)).astype(np.float32)
    b = rng.standard_normal(150).astype(np.float32)
    return ConvCase(
        x, w, b, None, ConvGeometry(pads=(1, 1, 1, 1)), Pooling((3, 3), (2, 2), (1, 1, 0, 0), True), rng
    )


@pytest.mark.parametrize("strategy", ["select", "zero_skip", "dense"])
def test_many_tiles(isa: str, strategy: str) -> None:
    case, relu = large_case(), Activation.relu()
    s = selection(case, 0.3)
    want = conv_srmm(
        case.x, case.w, case.b, s, None, geometry=case.geometry, pooling=case.pooling, activation=relu
    )
    assert_close(run(case, s, relu, isa=isa, strategy=strategy, threads=2), want, case, relu)


@pytest.mark.parametrize("size", [(14, 14), (7, 7), (13, 13), (28, 28), (1, 300), (9, 1)])
@pytest.mark.parametrize("strategy", ["auto", "zero_skip"])
def test_joined_rows_of_one_by_one_kernels(isa: str, size: tuple[int, int], strategy: str) -> None:
    """Rows of small maps are computed as one; residuals and outputs keep their places."""
    rng, relu = np.random.default_rng(5), Activation.relu()
    x = sparse_normal(rng, (2, *size, 40), 0.6)
    w = rng.standard_normal((70, 1, 1, 40)).astype(np.float32)
    r = rng.standard_normal((2, *size, 70)).astype(np.float32)
    case = ConvCase(x, w, rng.standard_normal(70).astype(np.float32), r, ConvGeometry(), Pooling.none(), rng)
    want = conv_srmm(x, w, case.b, None, r, geometry=case.geometry, pooling=case.pooling, activation=relu)
    assert_close(run(case, None, relu, isa=isa, strategy=strategy, threads=2), want, case, relu)


def test_a_wrong_result_is_noticed(isa: str) -> None:
    """The tolerance is tight enough to catch one missing tap."""
    case, relu = large_case(1), Activation.none()
    broken = ConvCase(case.x, case.w.copy(), case.b, None, case.geometry, case.pooling, case.rng)
    broken.w[:, 0, 0, 69] = 0
    want = conv_srmm(case.x, case.w, case.b, geometry=case.geometry, pooling=case.pooling, activation=relu)
    with pytest.raises(AssertionError, match="largest error"):
        assert_close(run(broken, None, relu, isa=isa), want, case, relu)


@pytest.mark.parametrize("strategy", ["auto", "select", "zero_skip", "dense"])
@pytest.mark.parametrize(("code", "text"), [(10, "wanted 0 to 9"), (255, "wanted 0 to 9"), (1, "padding")])
def test_codes_outside_the_window_are_refused(isa: str, code: int, text: str, strategy: str) -> None:
    case = large_case()
    s = np.zeros_like(selection(case, 0.0))
    s[1, 0, 3, 149] = code  # window row 0 begins in the padding
    with pytest.raises(ValueError, match=r"\[1,0,3,149\]: got " + str(code)) as error:
        run(case, s, Activation.relu(), isa=isa, strategy=strategy)
    assert text in str(error.value)


def test_weights_that_do_not_fit_are_refused() -> None:
    x, w = np.zeros((1, 4, 4, 3), np.float32), np.zeros((2, 3, 3, 4), np.float32)
    with pytest.raises(ValueError, match=r"X \[1,4,4,3\] and weights \[2,3,3,4\].*wanted 4"):
        _kernels.conv_srmm(x, w)


@pytest.mark.parametrize("pads", [(1, 1, 1, 90), (1, 90, 1, 1), (1, 1, 90, 1), (90, 1, 1, 1)])
@pytest.mark.parametrize("strategy", ["auto", "zero_skip", "dense"])
def test_padding_wider_than_a_tile(isa: str, strategy: str, pads: tuple[int, ...]) -> None:
    """A tile that lies beside the image holds zeros, not what its memory held before."""
    rng = np.random.default_rng(5)
    case = ConvCase(
        x=sparse_normal(rng, (2, 6, 6, 4), 0.3),
        w=sparse_normal(rng, (18, 3, 3, 4), 0.0),
        b=sparse_normal(rng, (18,), 0.5),
        r=None,
        geometry=ConvGeometry(pads=pads),
        pooling=Pooling.none(),
        rng=rng,
    )
    want = conv_srmm(
        case.x, case.w, case.b, geometry=case.geometry, pooling=case.pooling, activation=Activation.relu()
    )
    got = run(case, None, Activation.relu(), strategy=strategy, isa=isa)
    assert_close(got, want, case, Activation.relu())
