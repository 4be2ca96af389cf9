"""SRMM and SPLPredict on matrices: both families of CUDA kernels against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.spec.attributes import Activation
from spl_onnx.spec.quantize import quantize_weights
from spl_onnx.spec.reference import gemm_predict, gemm_scores, gemm_srmm
from tests.ort_ops.cuda.harness import HOW, Harness, HarnessError, examples
from tests.ort_ops.strategies import ACTIVATIONS, EPS, sparse_normal

MANY = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SIZES = {
    "rows": st.sampled_from((0, 1, 2, 3, 4, 5, 16, 17, 40)),
    "k": st.sampled_from((1, 3, 8, 24, 64, 100, 127, 128, 130, 520, 2056)),
    "outputs": st.sampled_from((1, 7, 16, 33, 64, 130, 300)),
    "seed": st.integers(0, 2**32 - 1),
    "half": st.booleans(),
}
ZEROS = st.sampled_from((0.0, 0.5, 0.9, 1.0))
DENSITIES = st.sampled_from((None, 0.0, 0.1, 0.5, 1.0))
HALF_EPS = float(np.finfo(np.float16).eps)


class Case:
    """Operands, and the same as float32 for the reference."""

    def __init__(self, rows: int, k: int, outputs: int, seed: int, half: bool, zeros: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.type = np.float16 if half else np.float32
        self.x = sparse_normal(self.rng, (rows, k), zeros).astype(self.type)
        self.w = self.rng.standard_normal((outputs, k)).astype(self.type)
        self.b = self.rng.standard_normal(outputs).astype(self.type)
        self.half = half

    def weights(self, how: str) -> np.ndarray:
        """In the order that `how` wants."""
        return np.ascontiguousarray(self.w.T) if how == "by_inputs" else self.w

    def residual(self, kind: str) -> np.ndarray | None:
        if kind == "none":
            return None
        shape = (1,) if kind == "one" else (len(self.x), len(self.w))
        return self.rng.standard_normal(shape).astype(self.type)

    def selection(self, density: float | None) -> np.ndarray | None:
        if density is None:
            return None
        return (self.rng.random((len(self.x), len(self.w))) < density).astype(np.uint8)

    def bound(self) -> float:
        """Rounding of any order of summation in float32; with float16, of the result too."""
        k = self.x.shape[1]
        most = float(np.abs(self.x).max(initial=0)) * float(np.abs(self.w).max()) * k
        most += float(np.abs(self.b).max()) + 5
        return EPS * (k + 3) * most + (HALF_EPS * most if self.half else 0)


def wide(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array.astype(np.float32)


def reference(case: Case, s: np.ndarray | None, r: np.ndarray | None, activation: Activation) -> np.ndarray:
    return gemm_srmm(wide(case.x), wide(case.w), wide(case.b), s, wide(r), activation=activation)


RESIDUALS = st.sampled_from(("none", "one", "full"))


@MANY
@given(
    **SIZES,
    zeros=ZEROS,
    density=DENSITIES,
    residual=RESIDUALS,
    how=st.sampled_from(HOW),
    offset=st.sampled_from((0, 0, 4)),
)
def test_srmm_equals_the_reference(
    device: Harness,
    rows: int,
    k: int,
    outputs: int,
    seed: int,
    half: bool,
    zeros: float,
    density: float | None,
    residual: str,
    how: str,
    offset: int,
) -> None:
    case = Case(rows, k, outputs, seed, half, zeros)
    s, r = case.selection(density), case.residual(residual)
    activation = Activation.clip(6.0)
    got = device.gemm_srmm(
        case.x, case.weights(how), case.b, s, r, activation=activation, how=how, offset=offset
    )
    np.testing.assert_allclose(wide(got), reference(case, s, r, activation), rtol=0, atol=case.bound())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("how", HOW)
def test_activations(device: Harness, activation: Activation, how: str) -> None:
    case = Case(3, 20, 50, 1, False, 0.0)
    got = device.gemm_srmm(case.x, case.weights(how), case.b, activation=activation, how=how)
    want = reference(case, None, None, activation)
    near_floor = np.abs(np.maximum(got, want) - activation.floor) < case.bound()
    assert ((np.abs(got - want) <= case.bound()) | ((activation.floor > 0) & near_floor)).all()


@MANY
@given(**SIZES, how=st.sampled_from(HOW), density=DENSITIES)
def test_a_row_alone_gives_the_same_bits(
    device: Harness,
    rows: int,
    k: int,
    outputs: int,
    seed: int,
    half: bool,
    how: str,
    density: float | None,
) -> None:
    case = Case(rows, k, outputs, seed, half, 0.6)
    s = case.selection(density)
    keywords = {"activation": Activation.relu(), "how": how}
    together = device.gemm_srmm(case.x, case.weights(how), case.b, s, **keywords)
    for i in range(0, rows, 3):
        own = None if s is None else s[i : i + 1]
        alone = device.gemm_srmm(case.x[i : i + 1], case.weights(how), case.b, own, **keywords)
        np.testing.assert_array_equal(alone[0], together[i])


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("k", [4096, 25088])
def test_long_rows(device: Harness, how: str, k: int) -> None:
    case = Case(2, k, 33, 5, False, 0.7)
    s = case.selection(0.5)
    got = device.gemm_srmm(case.x, case.weights(how), case.b, s, activation=Activation.none(), how=how)
    np.testing.assert_allclose(got, reference(case, s, None, Activation.none()), rtol=0, atol=case.bound())


@pytest.mark.parametrize("how", HOW)
def test_a_code_above_one_shows_as_not_a_number(device: Harness, how: str) -> None:
    case = Case(3, 16, 70, 0, False, 0.0)
    s = np.zeros((3, 70), np.uint8)
    s[2, 68], s[0, 3] = 2, 1
    got = device.gemm_srmm(case.x, case.weights(how), case.b, s, activation=Activation.relu(), how=how)
    assert np.argwhere(np.isnan(got)).tolist() == [[2, 68]]
    assert np.count_nonzero(np.delete(got.ravel(), [3, 2 * 70 + 68])) == 0


@pytest.mark.parametrize("how", HOW)
def test_not_a_number_stays_in_its_row(device: Harness, how: str) -> None:
    case = Case(6, 40, 30, 0, False, 0.5)
    case.x[4, 7] = np.nan
    got = device.gemm_srmm(case.x, case.weights(how), case.b, activation=Activation.none(), how=how)
    case.x[4, 7] = 0
    want = device.gemm_srmm(case.x, case.weights(how), case.b, activation=Activation.none(), how=how)
    np.testing.assert_array_equal(np.delete(got, 4, 0), np.delete(want, 4, 0))


@MANY
@given(
    **SIZES,
    zeros=ZEROS,
    positive=st.booleans(),
    residual=RESIDUALS,
    xscale=st.sampled_from((None, np.float32([0.02]), np.float32([0.03, 100]))),
)
def test_int8_predictor_is_equal_to_the_bit(
    device: Harness,
    rows: int,
    k: int,
    outputs: int,
    seed: int,
    half: bool,
    zeros: float,
    positive: bool,
    residual: str,
    xscale: np.ndarray | None,
) -> None:
    case = Case(rows, k, outputs, seed, half, zeros)
    case.x = (np.abs(case.x) if positive else case.x) * case.rng.random((rows, 1)).astype(case.type)
    wp, wscale = quantize_weights(wide(case.w))
    b, r = wide(case.b), case.residual(residual)
    want = gemm_predict(wide(case.x), wp, b, wscale, xscale, wide(r))
    np.testing.assert_array_equal(device.gemm_predict(case.x, wp, b, wscale, xscale, r), want)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e-42, 3e38])
def test_extreme_inputs_are_equal_to_the_bit(device: Harness, value: float) -> None:
    case = Case(4, 70, 40, 3, False, 0.3)
    case.x[2, 11] = value
    wp, wscale = quantize_weights(case.w)
    want = gemm_predict(case.x, wp, case.b, wscale)
    np.testing.assert_array_equal(device.gemm_predict(case.x, wp, case.b, wscale), want)


@MANY
@given(**SIZES, keep=st.sampled_from((0.1, 1.0)), residual=RESIDUALS)
def test_float_predictor_agrees_where_scores_are_clear(
    device: Harness, rows: int, k: int, outputs: int, seed: int, half: bool, keep: float, residual: str
) -> None:
    case = Case(rows, k, outputs, seed, half, 0.5)
    wp = np.where(case.rng.random(case.w.shape) < keep, case.w, 0).astype(case.type)
    b, r = wide(case.b), case.residual(residual)
    scores = gemm_scores(wide(case.x), wide(wp), b, None, None, wide(r))
    got = device.gemm_predict(case.x, wp, b, None, None, r)
    wrong = got != (scores > 0)
    assert (np.abs(scores[wrong]) <= case.bound()).all()


def test_weights_of_another_type_are_refused(device: Harness) -> None:
    case = Case(1, 70000, 2, 0, False, 0.9)
    wp, wscale = quantize_weights(case.w)
    with pytest.raises(HarnessError, match="too large"):
        device.gemm_predict(case.x, wp, case.b, wscale)
    with pytest.raises(HarnessError, match="do not fit"):
        device.gemm_srmm(case.x[:, :0], case.w[:, :0], activation=Activation.relu(), how="rows")


@pytest.mark.usefixtures("backwards")
@pytest.mark.parametrize("how", HOW)
def test_the_order_of_threads_does_not_matter(emulated: Harness, how: str) -> None:
    case = Case(5, 300, 150, 2, False, 0.5)
    s, keywords = case.selection(0.4), {"activation": Activation.relu(), "how": how}
    wp, wscale = quantize_weights(case.w)
    runs = []
    for backwards in (True, False):
        emulated.set_backwards(backwards)
        runs.append(
            (
                emulated.gemm_srmm(case.x, case.weights(how), case.b, s, **keywords),
                emulated.gemm_predict(case.x, wp, case.b, wscale),
            )
        )
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)
