"""Maximum pooling against the reference: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.spec.attributes import DOMAIN_CONV, MAX_POOL, Pooling, pool_attributes
from spl_onnx.spec.reference import max_pool
from tests.one_node import one_node
from tests.ort_ops.strategies import sparse_normal

_kernels = pytest.importorskip("spl_onnx._kernels")

MANY = settings(max_examples=150, deadline=None)
CHANNELS = (1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 63, 64, 67, 130)
USUAL = Pooling((3, 3), (2, 2), (0, 0, 1, 1), True)


def kernel(x: np.ndarray, pooling: Pooling, **options: object) -> np.ndarray:
    return np.asarray(_kernels.max_pool(x, **pool_attributes(pooling), **options))


@st.composite
def poolings(draw: st.DrawFn) -> Pooling:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    if kernel == (1, 1):
        return Pooling.none()
    pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    return Pooling(kernel, (draw(st.integers(1, 3)), draw(st.integers(1, 5))), pads, draw(st.booleans()))


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = (draw(st.integers(0, 2)), draw(st.integers(1, 8)), draw(st.integers(1, 8)))
    x = sparse_normal(rng, (*size, draw(st.sampled_from(CHANNELS))), draw(st.sampled_from((0.0, 0.5))))
    x[rng.random(x.shape) < draw(st.sampled_from((0.0, 0.3)))] = np.nan
    return x


@MANY
@given(x=images(), pooling=poolings())
def test_equals_the_reference(isa: str, x: np.ndarray, pooling: Pooling) -> None:
    try:
        wanted = max_pool(x, pooling)
    except ModelError:
        with pytest.raises(ValueError, match="window is larger than the padded image"):
            kernel(x, pooling, isa=isa)
        return
    np.testing.assert_array_equal(kernel(x, pooling, isa=isa), wanted)


def test_the_largest_window(isa: str) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 300, 5)).astype(np.float32)
    pooling = Pooling((2, 127), (1, 60), (1, 126, 1, 126))
    np.testing.assert_array_equal(kernel(x, pooling, isa=isa), max_pool(x, pooling))


def test_any_thread_count_gives_the_same(isa: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 41, 43, 67)).astype(np.float32)
    one = kernel(x, USUAL, isa=isa)
    np.testing.assert_array_equal(one, max_pool(x, USUAL))
    np.testing.assert_array_equal(kernel(x, USUAL, isa=isa, threads=3), one)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"pool_kernel": [16, 16]}, "area of 256"),
        ({"pool_strides": [0, 1]}, "pool_strides: got 0"),
        ({"pool_pads": [3, 0, 0, 0]}, "pool_pads: got 3"),
        ({"pool_kernel": [9, 3], "pool_pads": [0, 0, 0, 0]}, "larger than the padded image"),
    ],
)
def test_bad_attributes_are_refused(change: dict[str, list[int]], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        _kernels.max_pool(np.ones((1, 4, 4, 4), np.float32), **{**pool_attributes(USUAL), **change})


@pytest.mark.parametrize("threads", [1, 2])
def test_the_node_runs_in_onnx_runtime(plugin_path: str, threads: int) -> None:
    session = create_session(one_node(MAX_POOL, DOMAIN_CONV, pool_attributes(USUAL), ["x"]), threads=threads)
    for shape in ((2, 30, 31, 33), (0, 3, 3, 5)):
        x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
        (got,) = run(session, {"x": x})
        np.testing.assert_array_equal(got, max_pool(x, USUAL))


def test_the_node_refuses_what_does_not_fit(plugin_path: str) -> None:
    session = create_session(one_node(MAX_POOL, DOMAIN_CONV, pool_attributes(Pooling((3, 3))), ["x"]))
    for shape, text in (
        ((2, 3), r"\[2,3\], wanted \[N,H,W,C\]"),
        ((1, 1, 9, 1), "larger than the padded image"),
        ((1, 0, 9, 1), "an image without values"),
    ):
        with pytest.raises(Exception, match=text):
            run(session, {"x": np.ones(shape, np.float32)})
    with pytest.raises(Exception, match=r"site/node.*pool_strides"):
        create_session(
            one_node(MAX_POOL, DOMAIN_CONV, {**pool_attributes(USUAL), "pool_strides": [0, 1]}, ["x"])
        )
