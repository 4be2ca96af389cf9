"""The auxiliary CUDA kernels: pooling and response normalisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Pooling, ResponseNorm
from spl_onnx.spec.reference import global_average, lrn, max_pool
from tests.ort_ops.cuda.harness import Harness, HarnessError, examples
from tests.ort_ops.strategies import EPS, poolings, sparse_normal

MANY = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CHANNELS = st.sampled_from((1, 3, 16, 67, 300))
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    rng = np.random.default_rng(draw(SEEDS))
    size = (draw(st.integers(0, 2)), draw(st.integers(1, 8)), draw(st.integers(1, 8)))
    return sparse_normal(rng, (*size, draw(CHANNELS)), draw(st.sampled_from((0.0, 0.5))))


@MANY
@given(x=images(), pooling=poolings(), gaps=st.sampled_from((0.0, 0.3)))
def test_max_pool_equals_the_reference(device: Harness, x: np.ndarray, pooling: Pooling, gaps: float) -> None:
    x[np.random.default_rng(0).random(x.shape) < gaps] = np.nan
    try:
        wanted = max_pool(x, pooling)
    except ModelError:
        return
    np.testing.assert_array_equal(device.max_pool(x, pooling), wanted)


@MANY
@given(x=images())
def test_global_average_equals_the_reference(device: Harness, x: np.ndarray) -> None:
    # Height + width additions and a division, each of a value of at most the sum of all.
    bound = EPS / 2 * (x.shape[1] + x.shape[2] + 1) * float(np.abs(x).max(initial=0))
    np.testing.assert_allclose(device.global_average(x), global_average(x), rtol=0, atol=bound)


def test_an_image_without_pixels_is_refused(device: Harness) -> None:
    with pytest.raises(HarnessError, match="do not fit"):
        device.global_average(np.zeros((1, 0, 2, 3), np.float32))


@MANY
@given(
    x=images(),
    size=st.sampled_from((1, 2, 3, 5, 8, 1000)),
    alpha=st.sampled_from((1e-4, 0.0, 1.0)),
    beta=st.sampled_from((0.5, 0.75, 1.0, 0.625, 2.0)),
    bias=st.sampled_from((1.0, 2.0)),
)
def test_lrn_equals_the_reference(
    device: Harness, x: np.ndarray, size: int, alpha: float, beta: float, bias: float
) -> None:
    alpha = float(np.float32(alpha))
    # As tests/ort_ops/test_lrn.py; powf of CUDA is within four units in the last place.
    bound = EPS / 2 * (beta * (size + 4) + 14)
    want = lrn(x, ResponseNorm(size, alpha, beta, bias))
    np.testing.assert_allclose(device.lrn(x, size, alpha, beta, bias), want, rtol=bound, atol=1e-44)
