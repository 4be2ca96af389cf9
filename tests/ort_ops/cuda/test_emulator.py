"""The emulator notices what a GPU leaves undefined; its arithmetic is that of NumPy."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from tests.ort_ops.cuda.harness import EMULATOR, OPS, compile_emulated, pointer

DEADLOCK, REFUSED = 719, 9


@pytest.fixture(scope="module")
def library(objects: Path) -> ctypes.CDLL:
    sources = [EMULATOR / "self_test.cu", OPS / "cuda" / "kernels" / "host.cu"]
    path = compile_emulated(objects, "selftest", sources)
    return ctypes.CDLL(str(path))


@pytest.fixture
def values() -> np.ndarray:
    return np.zeros(128, np.int32)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("half_a_barrier", DEADLOCK),
        ("half_a_warp", DEADLOCK),
        ("some_lanes", DEADLOCK),
        ("too_many", REFUSED),
    ],
)
def test_undefined_programs_are_refused(
    library: ctypes.CDLL, values: np.ndarray, name: str, error: int
) -> None:
    assert getattr(library, f"self_test_{name}")(pointer(values)) == error


def test_barriers_and_warps_exchange_values(library: ctypes.CDLL, values: np.ndarray) -> None:
    assert library.self_test_reverse(pointer(values)) == 0
    block = 63 - (np.arange(64) ^ 31)
    np.testing.assert_array_equal(values, [*block, *(100 + block)])


def test_the_order_of_threads_shows_races(library: ctypes.CDLL, values: np.ndarray) -> None:
    results = []
    for backwards in (False, True):
        library[b"_ZN8emulator13set_backwardsEb"](backwards)
        assert library.self_test_race(pointer(values)) == 0
        results.append(values[:64].copy())
    assert (results[0] != results[1]).any()


def test_float16_is_that_of_numpy(library: ctypes.CDLL) -> None:
    library.self_test_half_to_float.restype = ctypes.c_float
    library.self_test_float_to_half.argtypes = [ctypes.c_float]
    bits = np.arange(1 << 16, dtype=np.uint16)
    wide = np.array([library.self_test_half_to_float(int(b)) for b in bits], np.float32)
    np.testing.assert_array_equal(wide, bits.view(np.float16).astype(np.float32))
    rng = np.random.default_rng(0)
    finite = bits.view(np.float16)[np.isfinite(bits.view(np.float16))].astype(np.float32)
    between = np.concatenate(
        [finite, finite * np.float32(1 + 2.0**-11), rng.normal(0, 1e-6, 5000), [1e6, -1e6]]
    )
    between = between.astype(np.float32)
    with np.errstate(over="ignore"):
        want = between.astype(np.float16).view(np.uint16)
    got = np.array([library.self_test_float_to_half(float(v)) for v in between]).astype(np.uint16)
    np.testing.assert_array_equal(got, want)
