"""Local response normalisation against the reference, ONNX Runtime, and itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.spec.attributes import DOMAIN_CONV, LRN, ResponseNorm, lrn_attributes
from spl_onnx.spec.reference import lrn
from tests.one_node import one_node
from tests.ort_ops.strategies import EPS, sparse_normal

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(max_examples=80, deadline=None)
BETAS = (0.5, 0.75, 1.0, 0.6, 2.0, 0.0, -0.5)
CHANNELS = (1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 64, 67, 192)


def kernel(x: np.ndarray, norm: ResponseNorm, **options: object) -> np.ndarray:
    return np.asarray(_kernels.lrn(x, **lrn_attributes(norm), **options))


def as_float32(norm: ResponseNorm) -> ResponseNorm:
    """The constants as a node stores them."""
    return ResponseNorm(norm.size, *(float(np.float32(v)) for v in (norm.alpha, norm.beta, norm.bias)))


def relative_bound(norm: ResponseNorm) -> float:
    """Bound of the relative error, from the roundings on the way; EPS is two of them.

    v = bias + scale * sum of positive terms takes one per square and addition, three for scale, product and
    bias; the power multiplies that by beta. Then at most five operations, or a power of the C library (below
    two units in the last place) and a division.
    """
    return EPS / 2 * (abs(norm.beta) * (norm.size + 4) + 6)


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (
        draw(st.integers(0, 2)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 5)),
        draw(st.sampled_from(CHANNELS)),
    )
    size = draw(st.sampled_from((1e-3, 1.0, 300.0)))
    return sparse_normal(rng, shape, draw(st.sampled_from((0.0, 0.5, 1.0)))) * np.float32(size)


norms = st.builds(
    ResponseNorm,
    size=st.sampled_from((1, 2, 3, 4, 5, 6, 8, 9, 40, 1000)),
    alpha=st.sampled_from((1e-4, 0.0, 1.0)),
    beta=st.sampled_from(BETAS),
    bias=st.sampled_from((1.0, 2.0, 1e-3)),
).map(as_float32)


@MANY
@given(x=images(), norm=norms)
def test_equals_the_reference(isa: str, x: np.ndarray, norm: ResponseNorm) -> None:
    np.testing.assert_allclose(kernel(x, norm, isa=isa), lrn(x, norm), rtol=relative_bound(norm), atol=1e-44)


@pytest.mark.parametrize("beta", BETAS)
def test_any_thread_count_and_any_batch_give_the_same_bits(isa: str, beta: float) -> None:
    x = np.random.default_rng(0).standard_normal((3, 17, 19, 67)).astype(np.float32)
    norm = ResponseNorm(5, 0.5, beta)
    one = kernel(x, norm, isa=isa)
    np.testing.assert_array_equal(kernel(x, norm, isa=isa, threads=3), one)
    for i in range(3):
        np.testing.assert_array_equal(kernel(x[i : i + 1], norm, isa=isa)[0], one[i])


@pytest.mark.parametrize("beta", BETAS[:4])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_values_beyond_all_numbers_stay_in_their_window(isa: str, beta: float, value: float) -> None:
    x = np.ones((1, 1, 3, 37), np.float32)
    x[0, 0, 1, 20] = value
    norm = ResponseNorm(5, 1.0, beta)
    got = kernel(x, norm, isa=isa)
    usual = kernel(np.ones_like(x), norm, isa=isa)
    inside = np.zeros(x.shape, bool)
    inside[0, 0, 1, 18:23] = True
    np.testing.assert_array_equal(got[~inside], usual[~inside])
    neighbours = got[0, 0, 1, [18, 19, 21, 22]]
    assert np.isnan(neighbours).all() if np.isnan(value) else (neighbours == 0).all()
    assert got[0, 0, 1, 20] == 0 if np.isfinite(value) else np.isnan(got[0, 0, 1, 20])


def test_large_channel_counts_and_windows(isa: str) -> None:
    x = np.random.default_rng(1).standard_normal((1, 2, 1, 5003)).astype(np.float32)
    norm = ResponseNorm(2 * 5003, 1.0)
    np.testing.assert_allclose(kernel(x, norm, isa=isa), lrn(x, norm), rtol=relative_bound(norm))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"size": 0}, "size: got 0"),
        ({"alpha": np.nan}, "got nan"),
        ({"beta": np.inf}, "inf"),
        ({"bias": -np.inf}, "inf"),
    ],
)
def test_bad_attributes_are_refused(change: dict[str, float], text: str) -> None:
    good = lrn_attributes(ResponseNorm(3))
    with pytest.raises(ValueError, match=text):
        _kernels.lrn(np.ones((1, 1, 1, 4), np.float32), **{**good, **change})


@pytest.mark.parametrize("threads", [1, 2])
def test_the_node_runs_in_onnx_runtime(plugin_path: str, threads: int) -> None:
    session = create_session(
        one_node(LRN, DOMAIN_CONV, lrn_attributes(ResponseNorm(4, 0.5)), ["x"]), threads=threads
    )
    for shape in ((2, 30, 31, 33), (0, 3, 3, 5)):
        x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
        (got,) = run(session, {"x": x})
        np.testing.assert_array_equal(got, kernel(x, ResponseNorm(4, 0.5)))


def test_the_node_refuses_another_rank_and_bad_attributes(plugin_path: str) -> None:
    session = create_session(one_node(LRN, DOMAIN_CONV, lrn_attributes(ResponseNorm(3)), ["x"]))
    with pytest.raises(Exception, match=r"\[2,3\], wanted \[N,H,W,C\]"):
        run(session, {"x": np.ones((2, 3), np.float32)})
    with pytest.raises(Exception, match=r"site/node.*size: got 0"):
        create_session(one_node(LRN, DOMAIN_CONV, {**lrn_attributes(ResponseNorm(3)), "size": 0}, ["x"]))
