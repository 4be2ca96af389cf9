"""Means of channels-last images against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.spec.attributes import DOMAIN_CONV, GLOBAL_AVERAGE
from spl_onnx.spec.reference import global_average
from tests.one_node import one_node
from tests.ort_ops.strategies import EPS

_kernels = pytest.importorskip("spl_onnx._kernels")

CHANNELS = (1, 3, 7, 8, 9, 16, 17, 63, 64, 67, 130)
sizes = st.tuples(st.integers(0, 2), st.integers(1, 9), st.integers(1, 9), st.sampled_from(CHANNELS))


def bound(x: np.ndarray) -> float:
    """Height + width additions and a division, each of a value of at most the sum of all."""
    return EPS / 2 * (x.shape[1] + x.shape[2] + 1) * float(np.abs(x).max(initial=0))


@settings(max_examples=80, deadline=None)
@given(sizes, st.integers(0, 2**32 - 1))
def test_equals_the_reference(isa: str, shape: tuple[int, ...], seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    got = np.asarray(_kernels.global_average(x, isa=isa))
    np.testing.assert_allclose(got, global_average(x), rtol=0, atol=bound(x))


def test_a_large_image_and_any_thread_count(isa: str) -> None:
    x = np.random.default_rng(0).random((3, 301, 307, 19), np.float32)
    got = np.asarray(_kernels.global_average(x, isa=isa))
    np.testing.assert_allclose(got, global_average(x), rtol=0, atol=bound(x))
    np.testing.assert_array_equal(_kernels.global_average(x, isa=isa, threads=3), got)
    np.testing.assert_array_equal(_kernels.global_average(x[1:2], isa=isa), got[1:2])


def test_every_instruction_set_gives_the_same_bits() -> None:
    x = np.random.default_rng(0).standard_normal((1, 7, 7, 67)).astype(np.float32)
    results = {np.asarray(_kernels.global_average(x, isa=name)).tobytes() for name in _kernels.isa_names()}
    assert len(results) == 1


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[1,0,2,3\]: an image without values"):
        _kernels.global_average(np.ones((1, 0, 2, 3), np.float32))


def test_the_node_runs_in_onnx_runtime(plugin_path: str) -> None:
    session = create_session(one_node(GLOBAL_AVERAGE, DOMAIN_CONV, {}, ["x"]), threads=2)
    x = np.random.default_rng(2).standard_normal((2, 5, 7, 33)).astype(np.float32)
    np.testing.assert_array_equal(run(session, {"x": x})[0], _kernels.global_average(x))
    with pytest.raises(Exception, match=r"\[2,3\], wanted \[N,H,W,C\]"):
        run(session, {"x": np.ones((2, 3), np.float32)})
