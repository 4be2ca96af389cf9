"""Compares the costs by which SRMM chooses its algorithm with measured times.

Every algorithm that can compute a layer runs alone, on one thread. Printed per layer and algorithm: its
time over that of ONNX Runtime's Conv, the cost from `ort_ops/kernels/srmm/costs.cc`, and measured over
estimated. The last lines give the median of that quotient per algorithm: what its constants are to be
multiplied by, and its spread. An estimate may be wrong by what it does not decide; a quotient that differs
between algorithms that compete decides wrongly.

    python -m scripts.fit_costs
    python -m scripts.fit_costs --shapes 3x3:256:256:14 --zeros 0 0.5 --selected 0.1
    python -m scripts.fit_costs --zeros 0.5 --selected --precision int8 int8_winograd --bytes
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.bench_kernels import SHAPES, Layer, dense_model, node_times, session
from spl_onnx import _kernels
from spl_onnx.spec.attributes import FLOAT32, PRECISIONS


def dense_milliseconds(layer: Layer, x: np.ndarray, w: np.ndarray, runs: int) -> float:
    """Median time of ONNX Runtime's Conv."""
    with tempfile.TemporaryDirectory() as folder:
        dense = session(dense_model(layer, w, np.zeros(layer.outputs, np.float32)), 1, Path(folder) / "dense")
        for _ in range(runs + 2):
            dense.run(None, {"X": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
        return statistics.median(node_times(dense, ("Conv", "FusedConv"), 2))


def compare(
    layer: Layer, zeros: float, selected: float | None, runs: int, precisions: Sequence[str], as_bytes: bool
) -> list[tuple[str, float, float]]:
    """Per algorithm: name, measured time and estimated cost, both over the dense time."""
    rng = np.random.default_rng(0)
    w = layer.weights(rng)
    x = rng.random((1, layer.size, layer.size, layer.channels), np.float32) + np.float32(0.01)
    x *= rng.random(x.shape) >= zeros
    side = layer.output_size
    s = None if selected is None else (rng.random((1, side, side, layer.outputs)) < selected).astype(np.uint8)
    dense = dense_milliseconds(layer, x, w, runs)
    strides, pads = layer.geometry.strides, layer.geometry.pads
    given = np.asarray(x * 250, np.uint8) if as_bytes else x
    rows = []
    for precision in precisions:
        try:
            times = _kernels.conv_algorithm_times(
                given, w, s, strides=strides, pads=pads, repeats=runs, precision=precision
            )
        except ValueError as error:
            print(f"{precision}: {error}")
            continue
        rows += [(name, 1e3 * seconds / dense, cost) for name, (cost, seconds) in times.items()]
    return rows


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="KxK[sS]:C:O:SIZE")
    parser.add_argument("--zeros", nargs="+", type=float, default=[0.0, 0.5, 0.8])
    parser.add_argument("--selected", nargs="*", type=float, default=[0.1, 0.3])
    parser.add_argument("--precision", nargs="+", default=[FLOAT32], choices=PRECISIONS)
    parser.add_argument("--bytes", action="store_true", help="bytes in and out, with 8 bits only")
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    quotients = defaultdict(list)
    print(f"{'layer':18} {'zeros':>5} {'selected':>8}  {'algorithm':20} measured estimate quotient")
    for text in args.shapes:
        looks = [(zeros, None) for zeros in args.zeros] + [(0.0, share) for share in args.selected]
        for zeros, selected in looks:
            for name, measured, cost in compare(
                Layer.parse(text), zeros, selected, args.runs, args.precision, args.bytes
            ):
                if (name.startswith("selected")) != (selected is not None) or math.isinf(cost):
                    continue
                quotients[name].append(measured / cost)
                share = "-" if selected is None else f"{selected:.2f}"
                print(
                    f"{text:18} {zeros:5.2f} {share:>8}  {name:20} {measured:8.2f} {cost:8.2f} "
                    f"{measured / cost:8.2f}",
                    flush=True,
                )
    for name, values in quotients.items():
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        print(f"{name:20} median {middle:.2f}, a tenth below {low:.2f}, a tenth above {high:.2f}")


if __name__ == "__main__":
    main()
