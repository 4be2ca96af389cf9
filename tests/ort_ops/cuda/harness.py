"""The harness of the CUDA kernels (harness.cu) as Python functions on NumPy arrays.

It exists twice: compiled with the emulator, for every machine, and by nvcc, for machines with a GPU. The
second is built by `scripts/test_cuda.sh`, which names it in the environment variable below.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.shapes import conv_direction, pool_direction
from tests.datasets import PROJECT

GPU_HARNESS = "SPL_ONNX_CUDA_HARNESS"
OPS = PROJECT / "ort_ops"
HERE = Path(__file__).resolve().parent
EMULATOR = HERE / "emulator"
EMULATOR_SOURCE = EMULATOR / "emulator.cc"
KERNELS = sorted((OPS / "cuda" / "kernels").glob("*.cu"))
#: Kernels of matrix SRMM: by rows of weights (selected, all), or by inputs (of weights [O,K], [K,O]).
HOW = ("rows", "all_rows", "columns", "by_inputs")
ALGORITHMS = {"auto": 0, "select": 1, "zero_skip": 2, "dense": 3}
FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",
)

Array = np.ndarray[Any, Any]


def examples(count: int) -> int:
    """Random cases of a test: few where a tool slows every one of them down."""
    return 5 if os.environ.get("SPL_ONNX_FEW_EXAMPLES") else count


def compile_emulated(folder: Path, name: str, sources: list[Path]) -> Path:
    """A shared library of `sources` and the emulator; objects in `folder` are used again.

    Skips the test where there is no compiler.
    """
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("no C++ compiler: the CUDA kernels cannot be emulated")
    flags = [*FLAGS, "-DSPL_CUDA_EMULATED", "-I", str(OPS), "-I", str(EMULATOR)]
    targets = {
        source: folder / f"{source.parent.name}_{source.name}.o" for source in [EMULATOR_SOURCE, *sources]
    }

    def compiled(source: Path) -> bool:
        target = targets[source]
        command = [compiler, *flags, "-x", "c++", "-c", str(source), "-o", str(target)]
        return target.exists() or subprocess.run(command, check=False).returncode == 0

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert all(pool.map(compiled, targets)), "the compiler refuses the sources"
    library = folder / f"lib{name}.so"
    subprocess.run([compiler, "-shared", *map(str, targets.values()), "-o", str(library)], check=True)
    return library


def pointer(array: Array | None) -> Any:
    """Address of an array, or null."""
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


def numbers(*values: float) -> Array:
    return np.array(values, np.float32)


def sizes(*values: int) -> Array:
    return np.array(values, np.int64)


class HarnessError(Exception):
    """What the harness refuses, or found wrong."""


class Harness:
    """The kernels; float16 arrays are passed as they are."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))

    @property
    def has_device(self) -> bool:
        return bool(self.library.harness_has_device())

    def set_backwards(self, backwards: bool) -> None:
        """Which thread of a block the emulator runs first: a result that changes is a race."""
        self.library.harness_set_backwards(int(backwards))

    def _call(self, name: str, *values: Any) -> None:
        function = getattr(self.library, f"harness_{name}")
        function.restype = ctypes.c_char_p
        function.argtypes = [
            ctypes.c_int64
            if isinstance(value, np.int64)
            else ctypes.c_int
            if isinstance(value, int)
            else ctypes.c_void_p
            for value in values
        ]
        if problem := function(*values).decode():
            raise HarnessError(problem)

    def gemm_srmm(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        s: Array | None = None,
        r: Array | None = None,
        *,
        activation: Activation,
        how: str,
        offset: int = 0,
    ) -> Array:
        """`how`: one of HOW; `w` is [K,O] for "by_inputs". `offset`: bytes that operands are moved."""
        outputs = w.shape[1] if how == "by_inputs" else w.shape[0]
        y = np.full((x.shape[0], outputs), 77, x.dtype)
        half = int(x.dtype == np.float16)
        shape = sizes(*x.shape, outputs, half, offset, 0 if r is None else r.size)
        limits = numbers(activation.clip_min, activation.clip_max, activation.floor)
        arrays = [pointer(a) for a in (shape, x, w, b, s, r, limits)]
        self._call("gemm_srmm", *arrays, HOW.index(how), pointer(y))
        return y

    def gemm_predict(
        self,
        x: Array,
        wp: Array,
        bp: Array,
        wscale: Array | None = None,
        xscale: Array | None = None,
        r: Array | None = None,
    ) -> Array:
        s = np.full((x.shape[0], wp.shape[0]), 77, np.uint8)
        half, int8 = int(x.dtype == np.float16), int(wp.dtype == np.int8)
        shape = sizes(*x.shape, wp.shape[0], half, int8, 0 if r is None else r.size)
        arrays = [pointer(a) for a in (shape, x, wp, bp, wscale, full_scale(xscale), r, s)]
        self._call("gemm_predict", *arrays)
        return s

    def conv_srmm(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        s: Array | None = None,
        r: Array | None = None,
        *,
        geometry: ConvGeometry,
        pooling: Pooling,
        activation: Activation,
        strategy: str = "auto",
        offset: int = 0,
    ) -> Array:
        y = np.full(output_shape(x, w, geometry, pooling), 77, np.float32)
        limits = numbers(activation.clip_min, activation.clip_max, activation.floor)
        values = [pointer(a) for a in (x, w, b, s, r)]
        self._call(
            "conv_srmm",
            pointer(conv_sizes(x, w, geometry, pooling)),
            np.int64(offset),
            *values,
            np.int64(0 if r is None else r.size),
            pointer(limits),
            ALGORITHMS[strategy],
            pointer(y),
        )
        return y

    def conv_predict(
        self,
        x: Array,
        wp: Array,
        bp: Array,
        wscale: Array | None = None,
        xscale: Array | None = None,
        r: Array | None = None,
        *,
        geometry: ConvGeometry,
        pooling: Pooling,
        select_all: bool = False,
    ) -> Array:
        s = np.full(output_shape(x, wp, geometry, pooling), 77, np.uint8)
        self._call(
            "conv_predict",
            pointer(conv_sizes(x, wp, geometry, pooling)),
            pointer(x),
            pointer(wp),
            int(wp.dtype == np.int8),
            *[pointer(a) for a in (bp, wscale, full_scale(xscale), r)],
            np.int64(0 if r is None else r.size),
            int(select_all),
            pointer(s),
        )
        return s

    def max_pool(self, x: Array, pooling: Pooling) -> Array:
        w = np.zeros((x.shape[3], 1, 1, x.shape[3]), np.float32)
        y = np.full(output_shape(x, w, ConvGeometry(), pooling), 77, np.float32)
        self._call("max_pool", pointer(conv_sizes(x, w, ConvGeometry(), pooling)), pointer(x), pointer(y))
        return y

    def global_average(self, x: Array) -> Array:
        y = np.full((x.shape[0], 1, 1, x.shape[3]), 77, np.float32)
        self._call("global_average", pointer(sizes(*x.shape)), pointer(x), pointer(y))
        return y

    def lrn(self, x: Array, size: int, alpha: float, beta: float, bias: float) -> Array:
        y = np.full_like(x, 77)
        shape = sizes(x[..., 0].size, x.shape[-1], size)
        self._call("lrn", pointer(shape), pointer(numbers(alpha, beta, bias)), pointer(x), pointer(y))
        return y


def full_scale(xscale: Array | None) -> Array | None:
    """Scale and zero point."""
    return None if xscale is None else numbers(xscale[0], xscale[1] if xscale.size == 2 else 0)


def conv_sizes(x: Array, w: Array, geometry: ConvGeometry, pooling: Pooling) -> Array:
    """What the harness takes as the shape of a convolution."""
    return sizes(
        *x.shape,
        *w.shape,
        *geometry.strides,
        *geometry.pads,
        *geometry.dilations,
        geometry.group,
        *pooling.kernel,
        *pooling.strides,
        *pooling.pads,
        int(pooling.ceil),
    )


def output_shape(x: Array, w: Array, geometry: ConvGeometry, pooling: Pooling) -> tuple[int, ...]:
    """`[N,pH,pW,O]`."""
    places = [conv_direction(i, x.shape[i + 1], w.shape[1:3], geometry) for i in range(2)]
    pooled = [pool_direction(i, places[i], pooling) for i in range(2)]
    return x.shape[0], *pooled, w.shape[0]
