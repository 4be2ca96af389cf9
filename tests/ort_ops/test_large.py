"""Images, strides and kernels whose positions pass 2^31 or 2^15, and sizes that are refused.

Large inputs are zeros that nobody has written, of which kernels read a few places: they take address space,
hardly memory. A system that gives none is a reason to skip.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.children import run_code

_kernels = pytest.importorskip("spl_onnx._kernels")

#: Set to run what takes gigabytes of memory and a minute.
BIG_TESTS = "SPL_ONNX_BIG_TESTS"


def untouched(*shape: int) -> np.ndarray:
    """Zeros that no memory holds yet."""
    try:
        return np.zeros(shape, np.float32)
    except MemoryError:
        pytest.skip(f"no address space for {4 * np.prod(shape) / 2**30:.1f} GB")


def require_memory(gigabytes: float) -> None:
    """Skip unless big tests are wanted and this much memory is free."""
    if not os.environ.get(BIG_TESTS):
        pytest.skip(f"takes {gigabytes} GB of memory: {BIG_TESTS} is not set")
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 2**20
    if free < gigabytes + 2:
        pytest.skip(f"takes {gigabytes} GB of memory, of {free:.1f} GB that are free")


@pytest.mark.parametrize("strategy", ["auto", "dense", "zero_skip"])
def test_strides_over_gigabytes(isa: str, strategy: str) -> None:
    # Neighbouring outputs are 2^17 pixels of 48 channels apart, in bytes 25 MB; rows are twice that.
    x = untouched(1, 48, 1 << 18, 48)
    x[0, :, :: 1 << 17] = 1
    y = _kernels.conv_srmm(
        x, np.ones((16, 1, 1, 48), np.float32), strides=[1, 1 << 17], strategy=strategy, isa=isa
    )
    assert y.shape == (1, 48, 2, 16)
    assert (y == 48).all()


@pytest.mark.parametrize("strategy", ["auto", "select"])
def test_selected_outputs_with_strides_over_gigabytes(isa: str, strategy: str) -> None:
    x = untouched(1, 48, 1 << 18, 48)
    x[0, :, :: 1 << 17] = 1
    s = np.zeros((1, 48, 2, 16), np.uint8)
    s[..., ::3] = 1
    y = _kernels.conv_srmm(
        x, np.ones((16, 1, 1, 48), np.float32), s=s, strides=[1, 1 << 17], strategy=strategy, isa=isa
    )
    np.testing.assert_array_equal(y, 48 * s.astype(np.float32))


@pytest.mark.parametrize("kernel", [(1, 2), (2, 3)])
def test_int8_predictor_with_strides_over_gigabytes(isa: str, kernel: tuple[int, int]) -> None:
    # The input under a tile, copied as it lies, would be as large as the image.
    x = untouched(1, kernel[0], (1 << 23) + 3, 64)
    x[0, :, (1 << 22) : (1 << 22) + kernel[1]] = 1
    s = _kernels.conv_predict(
        x,
        np.ones((16, *kernel, 64), np.int8),
        np.zeros(16, np.float32),
        np.ones(16, np.float32),
        np.float32([1, 1]),  # a zero point that is none: zeros are not skipped
        strides=[1, 1 << 20],
        isa=isa,
    )
    assert s.shape == (1, 1, 9, 16)
    expected = np.zeros_like(s)
    expected[0, 0, 4] = 1
    np.testing.assert_array_equal(s, expected)


@pytest.mark.parametrize("strategy", ["dense", "zero_skip", "auto"])
@pytest.mark.parametrize("pool", [1, 2])
def test_selection_of_rows_beyond_2_to_the_15(isa: str, strategy: str, pool: int) -> None:
    # Zero skipping works on whole rows: places of its windows have numbers above 32767.
    width = 40_000 * pool
    rng = np.random.default_rng(pool)
    x = rng.integers(0, 3, (1, pool, width, 8)).astype(np.float32)
    w = np.ones((5, 1, 3, 8), np.float32)
    s = rng.integers(0, pool * pool + 1, (1, 1, width // pool, 5), dtype=np.uint8)
    full = np.pad(x.sum(3), ((0, 0), (0, 0), (1, 1)))
    values = full[:, :, :-2] + full[:, :, 1:-1] + full[:, :, 2:]  # small integers: exact in any order
    windows = values.reshape(pool, width // pool, pool).transpose(1, 0, 2).reshape(width // pool, -1)
    picked = np.take_along_axis(windows, np.maximum(s[0, 0].astype(np.int64) - 1, 0), axis=1)
    y = _kernels.conv_srmm(
        x,
        w,
        s=s,
        pads=[0, 1, 0, 1],
        pool_kernel=[pool, pool],
        pool_strides=[pool, pool],
        strategy=strategy,
        isa=isa,
    )
    np.testing.assert_array_equal(y[0, 0], np.where(s[0, 0] > 0, picked, 0))


def test_outputs_beyond_a_million(isa: str) -> None:
    # Blocks of outputs were once numbered by a product of 32 bits.
    outputs = 2_200_000 if isa.startswith("avx512") else 1_600_000
    w = np.zeros((outputs, 1, 1, 8), np.float32)
    w[::1000] = 1
    y = _kernels.conv_srmm(np.ones((1, 1, 1, 8), np.float32), w, strategy="zero_skip", isa=isa)
    np.testing.assert_array_equal(y[0, 0, 0], np.where(np.arange(outputs) % 1000, 0, 8).astype(np.float32))


@pytest.mark.parametrize("strategy", ["auto", "dense", "zero_skip"])
def test_wide_padding(isa: str, strategy: str) -> None:
    # Two million columns of padding round four pixels: as masks they would be 200,000 times as much memory.
    x = np.ones((1, 1, 4, 8), np.float32)
    pads = [0, 1 << 20, 0, 1 << 20]
    y = _kernels.conv_srmm(
        x, np.ones((1, 1, 3, 8), np.float32), pads=pads, strides=[1, 1 << 10], strategy=strategy, isa=isa
    )
    assert y.shape == (1, 1, 2049, 1)
    assert y[0, 0, 1024, 0] == 24  # begins at column 2^20, the first pixel
    assert y.sum() == 24
    assert _kernels.scratch_bytes() < 64 << 20


@pytest.mark.parametrize(
    ("x", "w", "options", "said"),
    [
        ((1, 1, 1, 2**26 + 1), (1, 1, 1, 2**26 + 1), {}, r"weights per output"),
        ((0, 1, 1, 1), (1, 1, 1, 1), {"pads": [1 << 20] * 4}, r"output is too large"),
        ((0, 2**21, 2**21, 1), (1, 1, 1, 1), {}, r"too large"),
    ],
)
def test_refused_with_both_shapes(
    x: tuple[int, ...], w: tuple[int, ...], options: dict[str, list[int]], said: str
) -> None:
    shapes = [str(list(shape)).replace(" ", "") for shape in (x, w)]
    with pytest.raises(ValueError, match=said) as refused:
        _kernels.conv_srmm(untouched(*x), untouched(*w), **options)
    assert all(shape in str(refused.value) for shape in shapes)


def test_pooling_of_too_large_empty_images() -> None:
    with pytest.raises(ValueError, match="too large"):
        _kernels.max_pool(np.zeros((0, 2**21, 2**21, 1), np.float32), pool_kernel=[1, 1])


NO_MEMORY = """
import resource, sys
import numpy as np
from spl_onnx import _kernels

x, w = np.ones((4, 256, 256, 64), np.float32), np.ones((8, 3, 3, 64), np.float32)
call = lambda x: _kernels.conv_srmm(x, w, strategy=sys.argv[1], threads=int(sys.argv[2]))
small = call(x[:, :8, :8].copy())
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (int(sys.argv[3]) << 20), resource.RLIM_INFINITY))
try:
    call(x)
except (ValueError, MemoryError) as error:
    print("refused:", error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert (call(x[:, :8, :8].copy()) == small).all()
print("goes on")
"""


@pytest.mark.parametrize(("threads", "megabytes"), [(1, 14), (2, 24)])
def test_memory_that_is_not_there_is_a_message(threads: int, megabytes: int, tmp_path: Path) -> None:
    # With enough images each is packed by the thread that works on it, which wants 16 MB, besides its stack.
    if "san" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("a sanitizer needs address space of its own")
    done = run_code(NO_MEMORY, "zero_skip", str(threads), str(megabytes), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "goes on" in done.stdout
    assert "refused: not enough memory: wanted" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("predicts", [False, True])
def test_image_of_2_gigabytes(predicts: bool) -> None:
    require_memory(3.5)
    x = untouched(1, (1 << 13) + 3, 1 << 13, 8)
    x[0, -2:, -2:] = 1
    if predicts:
        s = _kernels.conv_predict(
            x, np.ones((1, 3, 3, 8), np.int8), np.zeros(1, np.float32), np.ones(1, np.float32)
        )
        assert s.sum() == 4  # those that see one of the four pixels
        assert s[0, -2:, -2:].all()
    else:
        y = _kernels.conv_srmm(x, np.ones((1, 3, 3, 8), np.float32), strategy="dense")
        assert (y[0, -1, -1, 0], (y > 0).sum()) == (32, 4)
