"""Images that become channels-last bytes: the bits of the reference, on every instruction set, as nodes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.spec.attributes import DOMAIN_CONV, QUANTIZE, QUANTIZE_INPUTS
from spl_onnx.spec.reference import quantize_planes
from tests.one_node import one_node

_kernels = pytest.importorskip("spl_onnx._kernels")

SCALES = (np.float32([0.02]), np.float32([0.013, 117]), np.float32([0.4, 255]))
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 16, 35)


def images(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal values, some of them beyond all bytes or no numbers."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf, 3e38):
        x[rng.random(shape) < 0.02] = value
    return x


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(0, 2), st.sampled_from(CHANNELS), st.integers(0, 9), st.integers(0, 40)),
    scale=st.sampled_from(SCALES),
    seed=st.integers(0, 1 << 30),
    threads=st.integers(1, 4),
)
def test_equals_the_reference(
    isa: str, size: tuple[int, ...], scale: np.ndarray, seed: int, threads: int
) -> None:
    x = images(*size, seed=seed)
    got = _kernels.channels_last_quantize(x, scale, isa=isa, threads=threads)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, quantize_planes(x, scale))


@pytest.mark.parametrize("shape", [(2, 3, 224, 224), (1, 96, 56, 56), (1, 1000, 7, 9)])
def test_images_of_several_units_of_work(isa: str, shape: tuple[int, ...]) -> None:
    x = images(*shape)
    for threads, scale in product((1, 3), SCALES[1:]):
        got = _kernels.channels_last_quantize(x, scale, isa=isa, threads=threads)
        np.testing.assert_array_equal(got, quantize_planes(x, scale))


@pytest.mark.parametrize("constants", [{}, {"Yscale": SCALES[1]}])
def test_the_node_runs_in_onnx_runtime(plugin_path: str, constants: dict[str, np.ndarray]) -> None:
    model = one_node(QUANTIZE, DOMAIN_CONV, {}, QUANTIZE_INPUTS, constants=constants)
    session = create_session(model, threads=2)
    for shape in ((2, 3, 30, 31), (0, 3, 3, 5), (1, 20, 9, 1), (1, 3, 0, 5)):
        feeds = {"X": images(*shape), "Yscale": SCALES[1]}
        (got,) = run(session, {name: value for name, value in feeds.items() if name not in constants})
        np.testing.assert_array_equal(got, quantize_planes(**{n.lower(): v for n, v in feeds.items()}))


@pytest.mark.parametrize(
    ("x", "scale", "text"),
    [
        (np.ones((2, 3), np.float32), SCALES[1], r"X \[2,3\], wanted \[N,C,H,W\]"),
        (images(1, 3, 2, 2), np.float32([1, 2, 3]), r"Yscale \[3\], wanted \[2\]"),
        (images(1, 3, 2, 2), np.float32([1, 0.5]), "Yscale: got scale 1.0.* and zero point 0.5"),
        (images(1, 3, 2, 2), np.float32([0, 0]), "Yscale: got scale 0.0"),
    ],
)
def test_the_node_refuses_what_does_not_fit(
    plugin_path: str, x: np.ndarray, scale: np.ndarray, text: str
) -> None:
    session = create_session(one_node(QUANTIZE, DOMAIN_CONV, {}, QUANTIZE_INPUTS))
    with pytest.raises(Exception, match=text):
        run(session, {"X": x, "Yscale": scale})
