import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import ResponseNorm
from spl_onnx.spec.reference import lrn
from tests.spec.cases import EPS, floats
from tests.spec.dense import run_model


def standard_model(norm: ResponseNorm):
    """ONNX LRN of channels-first images."""
    node = helper.make_node(
        "LRN", ["x"], ["y"], size=norm.size, alpha=norm.alpha, beta=norm.beta, bias=norm.bias
    )
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, [None] * 4) for k in "xy"]
    graph = helper.make_graph([node], "g", infos[:1], infos[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def assert_close(x: np.ndarray, norm: ResponseNorm, channels_first: np.ndarray) -> None:
    """ONNX Runtime sums float32 squares one by one (and in a running sum), then calls powf."""
    rounding = EPS * (2 * norm.beta * (x.shape[3] + 4) + 6)
    np.testing.assert_allclose(channels_first.transpose(0, 2, 3, 1), lrn(x, norm), rtol=rounding, atol=1e-30)


# ONNX Runtime runs odd windows and positive alpha only.
norms = st.builds(
    ResponseNorm,
    size=st.sampled_from((1, 3, 5, 7)),
    alpha=st.sampled_from((1e-4, 0.75)),
    beta=st.sampled_from((0.5, 0.75, 1.0, 1.3)),
    bias=st.sampled_from((1.0, 0.5, 2.0)),
)
sizes = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 11))


@settings(deadline=None, max_examples=60)
@given(sizes, norms, st.integers(0, 2**32 - 1))
def test_equals_onnx_runtime(shape, norm, seed):
    x = floats(np.random.default_rng(seed), *shape)
    assert_close(x, norm, run_model(standard_model(norm), {"x": x.transpose(0, 3, 1, 2)})[0])


@pytest.mark.parametrize("size", range(1, 9))
def test_windows_are_those_of_onnx(size):
    """Written out once more: from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2)."""
    x = floats(np.random.default_rng(size), 2, 1, 3, 7)
    low, high = math.floor((size - 1) / 2), math.ceil((size - 1) / 2)
    wanted = np.empty_like(x)
    for c in range(7):
        window = [x[..., i].astype(np.float64) ** 2 for i in range(c - low, c + high + 1) if 0 <= i < 7]
        wanted[..., c] = x[..., c] / (2.0 + 0.5 / size * sum(window)) ** 0.75
    np.testing.assert_allclose(lrn(x, ResponseNorm(size, 0.5, 0.75, 2.0)), wanted, rtol=EPS)


def test_an_even_window_reaches_further_behind():
    x = np.float32([[[[1, 10, 100]]]])
    y = lrn(x, ResponseNorm(2, alpha=2.0, beta=1.0, bias=0.0))
    np.testing.assert_allclose(y, [[[[1 / 101, 10 / 10100, 100 / 10000]]]], rtol=EPS)


@pytest.mark.parametrize("x", [np.ones((2, 3, 4), np.float32), np.ones((1, 2, 3, 4), np.float64)])
def test_other_inputs_are_refused(x):
    with pytest.raises(ModelError, match=r"wanted float32 \[N,H,W,C\]"):
        lrn(x, ResponseNorm(3))
