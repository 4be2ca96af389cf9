"""SRMM and SPLPredict on images: the CUDA kernels against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import conv_predict, conv_scores, conv_srmm
from tests.ort_ops.cuda.harness import Harness, HarnessError, examples
from tests.ort_ops.strategies import ACTIVATIONS, ConvCase, conv_cases, sparse_normal

MANY = settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)
CASES = conv_cases(channels=(1, 3, 4, 16, 17, 36))
SCALES = st.sampled_from((None, np.float32([0.02]), np.float32([0.03, 128])))


def keywords(case: ConvCase, activation: Activation) -> dict[str, object]:
    return {"geometry": case.geometry, "pooling": case.pooling, "activation": activation}


def best_places(case: ConvCase) -> np.ndarray:
    """A valid code for every output."""
    place = {"geometry": case.geometry, "pooling": case.pooling, "select_all": True}
    return conv_predict(case.x, case.w, case.b, None, None, case.r, **place)


def selection(case: ConvCase, density: float) -> np.ndarray:
    codes = best_places(case)
    return np.where(case.rng.random(codes.shape) < density, codes, 0).astype(np.uint8)


def assert_close(got: np.ndarray, want: np.ndarray, case: ConvCase, activation: Activation) -> None:
    """Equal to rounding; at the floor a value may fall on either side."""
    wrong = np.abs(got - want) > case.tolerance()
    if activation.floor > 0:
        wrong &= np.abs(np.maximum(got, want) - activation.floor) > case.tolerance()
    assert got.shape == want.shape
    assert not wrong.any(), f"largest error {np.abs(got - want).max()}, allowed {case.tolerance()}"


@MANY
@given(case=CASES, activation=st.sampled_from(ACTIVATIONS), offset=st.sampled_from((0, 0, 4)))
def test_all_outputs_equal_the_reference(
    device: Harness, case: ConvCase, activation: Activation, offset: int
) -> None:
    options = keywords(case, activation)
    want = conv_srmm(case.x, case.w, case.b, None, case.r, **options)
    got = device.conv_srmm(case.x, case.w, case.b, None, case.r, offset=offset, **options)
    assert_close(got, want, case, activation)


@MANY
@given(
    case=CASES,
    activation=st.sampled_from(ACTIVATIONS),
    strategy=st.sampled_from(("auto", "select", "zero_skip", "dense")),
    density=st.sampled_from((0.0, 0.05, 0.5, 1.0)),
)
def test_selected_outputs_equal_the_reference(
    device: Harness, case: ConvCase, activation: Activation, strategy: str, density: float
) -> None:
    s = selection(case, density)
    options = keywords(case, activation)
    want = conv_srmm(case.x, case.w, case.b, s, case.r, **options)
    got = device.conv_srmm(case.x, case.w, case.b, s, case.r, strategy=strategy, **options)
    assert_close(got, want, case, activation)
    assert (got[s == 0] == 0).all()


@MANY
@given(case=CASES, density=st.sampled_from((0.05, 0.3)))
def test_strategies_and_batches_give_the_same_bits(device: Harness, case: ConvCase, density: float) -> None:
    s = selection(case, density)
    options = keywords(case, Activation.none())
    want = device.conv_srmm(case.x, case.w, case.b, s, case.r, strategy="dense", **options)
    got = device.conv_srmm(case.x, case.w, case.b, s, case.r, **options)
    np.testing.assert_array_equal(got, want)
    for i in range(len(case.x)):
        r = case.r if case.r is None or case.r.size == 1 else case.r[i : i + 1]
        alone = device.conv_srmm(case.x[i : i + 1], case.w, case.b, s[i : i + 1], r, **options)
        np.testing.assert_array_equal(alone[0], want[i])


@MANY
@given(case=CASES, xscale=SCALES, select_all=st.booleans(), positive=st.booleans())
def test_int8_predictor_is_equal_to_the_bit(
    device: Harness, case: ConvCase, xscale: np.ndarray | None, select_all: bool, positive: bool
) -> None:
    if positive:
        case.x = np.abs(case.x)
    wp, wscale = quantize_weights(case.w)
    options = {"geometry": case.geometry, "pooling": case.pooling, "select_all": select_all}
    want = conv_predict(case.x, wp, case.b, wscale, xscale, case.r, **options)
    got = device.conv_predict(case.x, wp, case.b, wscale, xscale, case.r, **options)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e-42, 3e38])
def test_extreme_inputs_are_equal_to_the_bit(device: Harness, value: float) -> None:
    rng = np.random.default_rng(3)
    w = rng.standard_normal((20, 3, 3, 18)).astype(np.float32)
    wp, wscale = quantize_weights(w)
    b = rng.standard_normal(20).astype(np.float32)
    x = rng.standard_normal((2, 9, 9, 18)).astype(np.float32)
    x[0, 4, 4, 7] = value
    options = {"geometry": ConvGeometry(), "pooling": Pooling((2, 2), (2, 2))}
    want = conv_predict(x, wp, b, wscale, **options)
    np.testing.assert_array_equal(device.conv_predict(x, wp, b, wscale, **options), want)


@MANY
@given(case=CASES, keep=st.sampled_from((0.2, 1.0)))
def test_float_predictor_agrees_where_scores_are_clear(device: Harness, case: ConvCase, keep: float) -> None:
    wp = np.where(case.rng.random(case.w.shape) < keep, case.w, 0).astype(np.float32)
    options = {"geometry": case.geometry, "pooling": case.pooling}
    got = device.conv_predict(case.x, wp, case.b, None, None, case.r, **options)
    scores = conv_scores(case.x, wp, case.b, None, None, case.r, geometry=case.geometry)
    # A selection is right when it is what some scores within the rounding error would select.
    for sign in (-1, 1):
        moved = scores + np.float32(sign * 2 * case.tolerance())
        least_or_most = conv_predict_from(moved, case)
        assert (
            ((got > 0) <= (least_or_most > 0)).all() if sign > 0 else ((least_or_most > 0) <= (got > 0)).all()
        )
    value = conv_srmm(case.x, wp, case.b, got, case.r, **keywords(case, Activation.none()))
    best = conv_srmm(case.x, wp, case.b, None, case.r, **keywords(case, Activation.none()))
    assert (best - value)[got > 0].max(initial=0) <= 2 * case.tolerance()


def conv_predict_from(scores: np.ndarray, case: ConvCase) -> np.ndarray:
    """The selection of given scores: a 1 x 1 identity."""
    outputs = scores.shape[3]
    eye = np.eye(outputs, dtype=np.float32).reshape(outputs, 1, 1, outputs)
    zeros = np.zeros(outputs, np.float32)
    return conv_predict(scores, eye, zeros, geometry=ConvGeometry(), pooling=case.pooling)


WIDE = ConvGeometry(pads=(1, 1, 1, 1))


@pytest.mark.parametrize(
    ("shape", "pooling"),
    [((1, 40, 50, 8), Pooling.none()), ((1, 1, 300, 4), Pooling((1, 127), (1, 60), (0, 126, 0, 126))),
     ((2, 33, 9, 4), Pooling((15, 16), (1, 1), (14, 15, 3, 0))), ((1, 20, 20, 4), Pooling((2, 2), (5, 5)))],
)  # fmt: skip
@pytest.mark.parametrize("density", [0.02, 0.6])
def test_many_tiles_and_large_windows(
    device: Harness, shape: tuple[int, ...], pooling: Pooling, density: float
) -> None:
    rng = np.random.default_rng(1)
    x = sparse_normal(rng, shape, 0.4)
    w = rng.standard_normal((70, 3, 3, shape[3])).astype(np.float32)
    case = ConvCase(x, w, rng.standard_normal(70).astype(np.float32), None, WIDE, pooling, rng)
    s = selection(case, density)
    options = keywords(case, Activation.relu())
    want = conv_srmm(case.x, case.w, case.b, s, None, **options)
    assert_close(device.conv_srmm(case.x, case.w, case.b, s, None, **options), want, case, Activation.relu())
    wp, wscale = quantize_weights(w)
    options.pop("activation")
    np.testing.assert_array_equal(
        device.conv_predict(x, wp, case.b, wscale, **options), conv_predict(x, wp, case.b, wscale, **options)
    )


def test_refused_codes_show_as_not_a_number(device: Harness) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 8, 8, 3)).astype(np.float32)
    w = rng.standard_normal((5, 3, 3, 3)).astype(np.float32)
    pooling = Pooling((3, 3), (2, 2), (1, 1, 1, 1))
    options = {"geometry": WIDE, "pooling": pooling, "activation": Activation.none()}
    s = np.zeros((1, 4, 4, 5), np.uint8)
    s[0, 0, 0, 2], s[0, 1, 2, 3], s[0, 3, 3, 1] = 1, 10, 5  # padding, beyond the window, good
    got = device.conv_srmm(x, w, None, s, **options)
    assert np.argwhere(np.isnan(got)).tolist() == [[0, 0, 0, 2], [0, 1, 2, 3]]
    assert np.flatnonzero(np.nan_to_num(got)).tolist() == [np.ravel_multi_index((0, 3, 3, 1), s.shape)]


def test_not_a_number_stays_where_it_is(device: Harness) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 9, 9, 4)).astype(np.float32)
    w = rng.standard_normal((6, 3, 3, 4)).astype(np.float32)
    options = {"geometry": WIDE, "pooling": Pooling.none(), "activation": Activation.none()}
    clean = device.conv_srmm(x, w, **options)
    x[0, 4, 4, 1] = np.nan
    got = device.conv_srmm(x, w, **options)
    touched = np.zeros(got.shape, bool)
    touched[0, 3:6, 3:6] = True
    np.testing.assert_array_equal(got[~touched], clean[~touched])


def test_bad_sizes_are_refused(device: Harness) -> None:
    x, w = np.zeros((1, 4, 4, 6), np.float32), np.zeros((4, 1, 1, 6), np.float32)
    options = {"geometry": ConvGeometry(), "pooling": Pooling.none(), "activation": Activation.none()}
    with pytest.raises(HarnessError, match="wanted 5"):
        device.conv_srmm(x, np.zeros((4, 1, 1, 5), np.float32), **options)
    large = np.zeros((4, 1, 1, 65537), np.int8)
    with pytest.raises(HarnessError, match="too large"):
        device.conv_predict(
            np.zeros((1, 1, 1, 65537), np.float32), large, w[:, 0, 0, 0].copy(), np.ones(4, np.float32),
            geometry=ConvGeometry(), pooling=Pooling.none(),
        )  # fmt: skip


@pytest.mark.usefixtures("backwards")
def test_the_order_of_threads_does_not_matter(emulated: Harness) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1, 13, 17, 5)).astype(np.float32)
    w = rng.standard_normal((20, 3, 3, 5)).astype(np.float32)
    b = np.zeros(20, np.float32)
    case = ConvCase(x, w, b, None, WIDE, Pooling((2, 2), (1, 1)), rng)
    sparse, full = selection(case, 0.03), selection(case, 0.9)
    wp, wscale = quantize_weights(w)
    options = keywords(case, Activation.relu())
    place = {"geometry": WIDE, "pooling": case.pooling}
    runs = []
    for backwards in (True, False):
        emulated.set_backwards(backwards)
        runs.append([emulated.conv_srmm(x, w, b, s, **options) for s in (sparse, full, None)])
        runs[-1].append(emulated.conv_predict(x, wp, b, wscale, **place))
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)
