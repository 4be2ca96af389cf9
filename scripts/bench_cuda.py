"""CUDA kernels against cuBLAS and cuDNN (through torch), and their bandwidth against a copy of the card.

Every time is that of replayed CUDA graphs, so that starting kernels from Python does not count. Weights are
rotated through copies that together are several times the L2 cache: in a network other layers would push
them out. A predicted time is that of SPLPredict (int8) and SRMM together, at a share of selected outputs.

    BENCH=1 scripts/test_cuda.sh      # builds the library of the kernels, tests it, and runs this
    SPL_ONNX_CUDA_HARNESS=build/cuda/ort_ops/cuda/libspl_cuda_harness.so python scripts/bench_cuda.py
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HARNESS = "SPL_ONNX_CUDA_HARNESS"
GEMMS = ((4096, 4096), (25088, 4096), (11008, 4096), (16384, 4096))  # K, O
BATCHES = (1, 4, 16)
DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.5)
#: Image sites: name, C, O, size of the image, kernel.
CONVS = (
    ("googlenet inception_3a 3x3", 96, 128, 28, 3),
    ("googlenet inception_4a 1x1", 480, 192, 14, 1),
    ("googlenet inception_5b 3x3", 192, 384, 7, 3),
    ("vgg16 conv2_2", 128, 128, 112, 3),
    ("vgg16 conv3_3", 256, 256, 56, 3),
    ("vgg16 conv5_3", 512, 512, 14, 3),
)
CACHES = 4  # how many times the L2 cache the rotated weights are
REPLAYS = 30

Call = Callable[[int], None]


class NotPossibleError(Exception):
    """Why nothing can be measured here."""


def load_torch() -> Any:
    """Torch with a GPU."""
    try:
        import torch
    except ImportError:
        raise NotPossibleError("torch is not installed: pip install torch (a build with CUDA)") from None
    if not torch.cuda.is_available():
        raise NotPossibleError("torch finds no GPU: this benchmark needs one, and a build of torch with CUDA")
    return torch


def load_kernels() -> ctypes.CDLL:
    """The kernels on device memory."""
    path = os.environ.get(HARNESS)
    if path is None:
        raise NotPossibleError(
            f"{HARNESS} does not name the library of the kernels: scripts/test_cuda.sh builds it"
        )
    library = ctypes.CDLL(path)
    for name in ("columns_bytes", "gemm_scratch", "packed_bytes", "conv_scratch"):
        getattr(library, f"device_{name}").restype = ctypes.c_int64
    return library


def weight_bytes(k: int, o: int, each: int, density: float, zeros: float) -> dict[str, float]:
    """Bytes of weights that each way reads, per call with one row: what decides its time.

    Args:
        k: inputs.
        o: outputs.
        each: bytes of a weight.
        density: share of selected outputs.
        zeros: share of inputs that are zero.
    """
    return {
        "dense": float(k * o * each),
        "predicted": k * o * ((1 - zeros) + density * each),
        "lossless": k * o * each * (1 - zeros),
    }


class Bench:
    """Buffers and calls on the current GPU."""

    def __init__(self, torch: Any, library: ctypes.CDLL) -> None:
        self.torch, self.library = torch, library
        self.cache = torch.cuda.get_device_properties(0).L2_cache_size

    def copies(self, each: int) -> int:
        """How many buffers of `each` bytes are several times the cache."""
        return min(64, max(1, -(-CACHES * self.cache // each)))

    def call(self, name: str, *values: Any) -> None:
        """Call a function of the library with tensors, arrays of sizes, and None."""
        function = getattr(self.library, f"device_{name}")
        function.restype = ctypes.c_char_p
        stream = ctypes.c_void_p(self.torch.cuda.current_stream().cuda_stream)
        if problem := function(*[address(value) for value in values], stream).decode():
            raise RuntimeError(f"{name}: {problem}")

    def size(self, name: str, sizes: Any) -> int:
        """Bytes that a function of the library says."""
        return int(getattr(self.library, f"device_{name}")(address(sizes)))

    def room(self, size: int) -> Any:
        """Device memory."""
        return self.torch.empty(max(size, 1), dtype=self.torch.uint8, device="cuda")

    def milliseconds(self, call: Call, copies: int) -> float:
        """Median time of call(i), i over the copies, in a replayed graph."""
        torch = self.torch
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for i in range(copies):
                call(i)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for i in range(copies):
                call(i)
        times = []
        for _ in range(REPLAYS + 3):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            graph.replay()
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end) / copies)
        return float(np.median(times[3:]))

    def copy_bandwidth(self) -> float:
        """Bytes read and written per second by a large copy."""
        source = self.room(1 << 30)
        target = self.torch.empty_like(source)
        return 2 * source.numel() / (self.milliseconds(lambda _: target.copy_(source), 1) / 1e3)

    def gemm(self, rows: int, k: int, o: int, half: bool, zeros: float) -> dict[str, Any]:
        """Times of one matrix site, for all densities."""
        torch = self.torch
        kind = torch.float16 if half else torch.float32
        x = torch.relu(torch.randn(rows, k, device="cuda")) * (torch.rand(rows, k, device="cuda") >= zeros)
        x, b = x.to(kind), torch.randn(o, device="cuda")
        count = self.copies(k * o)
        weights = [torch.randn(o, k, device="cuda", dtype=kind) for _ in range(count)]
        small = [torch.randint(-127, 128, (o, k), device="cuda", dtype=torch.int8) for _ in range(count)]
        scale = torch.full((o,), 1e-2, device="cuda")
        sizes = {int8: np.array([rows, k, o, half, int8], np.int64) for int8 in (0, 1)}
        columns = {}
        for int8, sources in ((0, weights), (1, small)):
            columns[int8] = [self.room(self.size("columns_bytes", sizes[int8])) for _ in sources]
            for source, target in zip(sources, columns[int8], strict=True):
                self.call("make_columns", sizes[int8], source, target)
        scratch = self.room(self.size("gemm_scratch", sizes[0]))
        y, s = (
            torch.empty(rows, o, device="cuda", dtype=kind),
            torch.empty(rows, o, device="cuda", dtype=torch.uint8),
        )
        bias = b.to(kind)
        dense = self.milliseconds(
            lambda i: torch.relu_(torch.nn.functional.linear(x, weights[i], bias)), count
        )
        lossless = self.milliseconds(
            lambda i: self.call("gemm_srmm", sizes[0], x, None, columns[0][i], bias, None, scratch, y), count
        )
        entry = {"rows": rows, "k": k, "o": o, "half": half, "zeros": 1 - (x != 0).float().mean().item()}
        entry |= {"dense_ms": dense, "lossless_ms": lossless, "predicted": []}
        for density in DENSITIES:
            chosen = (torch.rand(rows, o, device="cuda") < density).to(torch.uint8)

            def predicted(i: int, chosen: Any = chosen) -> None:
                self.call("gemm_predict", sizes[1], x, columns[1][i], b, scale, scratch, s)
                self.call("gemm_srmm", sizes[0], x, weights[i], None, bias, chosen, scratch, y)

            def product(i: int, chosen: Any = chosen) -> None:
                self.call("gemm_srmm", sizes[0], x, weights[i], None, bias, chosen, scratch, y)

            entry["predicted"].append(
                {
                    "density": density,
                    "ms": self.milliseconds(predicted, count),
                    "srmm_ms": self.milliseconds(product, count),
                }
            )
        return entry

    def conv(self, name: str, c: int, o: int, size: int, kernel: int, batch: int) -> dict[str, Any]:
        """Times of one image site, for all densities; cuDNN without and with TF32."""
        torch = self.torch
        x = torch.relu(torch.randn(batch, size, size, c, device="cuda"))
        w = torch.randn(o, kernel, kernel, c, device="cuda")
        small = torch.randint(-127, 128, (o, kernel, kernel, c), device="cuda", dtype=torch.int8)
        b, scale = torch.randn(o, device="cuda"), torch.full((o,), 1e-2, device="cuda")
        sizes = np.array([batch, size, size, c, o, kernel, kernel, c, 1, kernel // 2], np.int64)
        packed, scratch = (self.room(self.size(f"{n}", sizes)) for n in ("packed_bytes", "conv_scratch"))
        self.call("pack_filters", sizes, small, packed)
        y = torch.empty(batch, size, size, o, device="cuda")
        s = torch.empty(y.shape, device="cuda", dtype=torch.uint8)
        entry: dict[str, Any] = {"site": name, "batch": batch, "predicted": []}
        images, filters = x.permute(0, 3, 1, 2), w.permute(0, 3, 1, 2)
        torch.backends.cudnn.benchmark = True
        for tf32 in (False, True):
            torch.backends.cudnn.allow_tf32 = tf32
            entry["tf32_ms" if tf32 else "dense_ms"] = self.milliseconds(
                lambda _: torch.relu_(torch.nn.functional.conv2d(images, filters, b, padding=kernel // 2)), 1
            )
        entry["all_ms"] = self.milliseconds(
            lambda _: self.call("conv_srmm", sizes, x, w, b, None, scratch, y), 1
        )
        for density in DENSITIES:
            chosen = (torch.rand(y.shape, device="cuda") < density).to(torch.uint8)

            def predicted(_: int, chosen: Any = chosen) -> None:
                self.call("conv_predict", sizes, x, packed, b, scale, scratch, s)
                self.call("conv_srmm", sizes, x, w, b, chosen, scratch, y)

            entry["predicted"].append({"density": density, "ms": self.milliseconds(predicted, 1)})
        return entry


def address(value: Any) -> ctypes.c_void_p:
    """Of a tensor or an array; None is null."""
    if value is None:
        return ctypes.c_void_p(None)
    return ctypes.c_void_p(value.ctypes.data if isinstance(value, np.ndarray) else value.data_ptr())


def gemm_lines(entry: dict[str, Any], bandwidth: float) -> list[str]:
    """One line per density: times, gain, share of the copy bandwidth that reading weights reaches."""
    each = 2 if entry["half"] else 4
    title = f"{entry['k']}x{entry['o']} {'f16' if entry['half'] else 'f32'} x{entry['rows']}"
    title += f", {entry['zeros']:.0%} zero inputs"
    size = entry["k"] * entry["o"] * each

    def share(size: float, ms: float) -> str:
        return f"{size / (ms / 1e3) / bandwidth:.0%}"

    dense = entry["dense_ms"]
    read = weight_bytes(entry["k"], entry["o"], each, DENSITIES[0], entry["zeros"])
    lossless = entry["lossless_ms"]
    lines = [
        f"{title}: cuBLAS {dense * 1e3:.1f} us ({share(read['dense'], dense)}), "
        f"lossless {lossless * 1e3:.1f} us ({share(read['lossless'], lossless)}), {dense / lossless:.2f} x"
    ]
    for found in entry["predicted"]:
        # Rows of a batch select different outputs; what is read is what any of them selects.
        union = 1 - (1 - found["density"]) ** entry["rows"]
        ms, product = found["ms"], found["srmm_ms"]
        lines.append(
            f"    density {found['density']:.2f}: {ms * 1e3:.1f} us, {dense / ms:.2f} x; "
            f"SRMM alone {product * 1e3:.1f} us ({share(size * union, product)} of the copy)"
        )
    return lines


def conv_lines(entry: dict[str, Any]) -> list[str]:
    """One line per density."""
    dense, tf32, own = (entry[key] * 1e3 for key in ("dense_ms", "tf32_ms", "all_ms"))
    lines = [
        f"{entry['site']} x{entry['batch']}: cuDNN {dense:.1f} us, TF32 {tf32:.1f} us, "
        f"all outputs here {own:.1f} us"
    ]
    for found in entry["predicted"]:
        us = found["ms"] * 1e3
        lines.append(
            f"    density {found['density']:.2f}: {us:.1f} us, {dense / us:.2f} x, of TF32 {tf32 / us:.2f} x"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--what", choices=["gemm", "conv"], nargs="+", default=["gemm", "conv"])
    parser.add_argument(
        "--zeros",
        type=float,
        nargs="+",
        default=[0.0, 0.4],
        help="shares of inputs put to zero, on top of ReLU's half",
    )
    parser.add_argument("--json", metavar="R", help="write all numbers to this file")
    args = parser.parse_args()
    try:
        torch, library = load_torch(), load_kernels()
    except NotPossibleError as reason:
        print(f"bench_cuda: {reason}", file=sys.stderr)
        return 2
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    bench = Bench(torch, library)
    bandwidth = bench.copy_bandwidth()
    report: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(),
        "copy_bytes_per_second": bandwidth,
        "gemm": [],
        "conv": [],
    }
    print(f"{report['gpu']}, torch {torch.__version__}, copy {bandwidth / 1e12:.2f} TB/s read and written")
    if "gemm" in args.what:
        for k, o in GEMMS:
            for half in (False, True):
                for rows in BATCHES:
                    for zeros in args.zeros:
                        report["gemm"].append(bench.gemm(rows, k, o, half, zeros))
                        print("\n".join(gemm_lines(report["gemm"][-1], bandwidth)), flush=True)
    if "conv" in args.what:
        for site in CONVS:
            for batch in (1, 16):
                report["conv"].append(bench.conv(*site, batch))
                print("\n".join(conv_lines(report["conv"][-1])), flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
