"""Time of single layers against ONNX Runtime's dense kernels: shapes x densities x algorithms x threads.

Both sides run in ONNX Runtime sessions, in turn within one process; a time is the duration of the one
node (Conv or Gemm, SRMM, SPLPredict) in ONNX Runtime's profile, so that layout conversions of either
side do not count. Both nodes find an input that the node before has just written, as in a network: a
reorder on the dense side, a Relu on ours. Prints medians relative to the dense node.

    python scripts/bench_kernels.py                       # the table of docs/benchmarks.md
    python scripts/bench_kernels.py --what zero_skip --shapes 3x3:256:256:56 --levels 0.5 0.65
    python scripts/bench_kernels.py --json kernels.json   # and for scripts/plot_kernels.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import spl_onnx
from spl_onnx.measure.machine import cpu_name, versions
from spl_onnx.predictors.int8 import build_int8
from spl_onnx.report.build import write_json
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    PREDICT,
    SRMM,
    Activation,
    ConvGeometry,
    Pooling,
    predict_attributes,
    srmm_attributes,
)

SHAPES = [
    "3x3:64:64:56",
    "3x3:128:128:28",
    "3x3:256:256:14",
    "3x3:512:512:7",
    "3x3:256:256:56",
    "1x1:64:256:56",
    "1x1:256:64:56",
    "1x1:512:128:28",
    "1x1:1024:256:14",
    "3x3s2:128:128:56",
]
LEVELS = {
    "select": [0.05, 0.1, 0.2, 0.3, 0.5],
    "zero_skip": [0.0, 0.3, 0.5, 0.65, 0.8, 0.9],
    "auto": [0.0, 0.3, 0.5, 0.65, 0.8, 0.9],
    "auto_select": [0.05, 0.1, 0.2, 0.3, 0.5],
    "dense": [0.0],
    "predict": [0.0, 0.2, 0.45, 0.7],
}


@dataclass
class Layer:
    """A square convolution `kernel x kernel`, `channels` -> `outputs`, on `size` x `size` images."""

    kernel: int
    stride: int
    channels: int
    outputs: int
    size: int

    @classmethod
    def parse(cls, text: str) -> Layer:
        """From `3x3s2:channels:outputs:size`."""
        kind, channels, outputs, size = text.split(":")
        kernel, _, stride = kind.partition("s")
        return cls(int(kernel.split("x")[0]), int(stride or 1), int(channels), int(outputs), int(size))

    @property
    def geometry(self) -> ConvGeometry:
        """The convolution, padded to keep the size at stride 1."""
        pad = self.kernel // 2
        return ConvGeometry(strides=(self.stride,) * 2, pads=(pad,) * 4)

    @property
    def output_size(self) -> int:
        """Pixels of a side of the output."""
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    def weights(self, rng: np.random.Generator) -> np.ndarray:
        """He-scaled `[O, k, k, C]` float32."""
        shape = (self.outputs, self.kernel, self.kernel, self.channels)
        return (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)


def model(nodes: list[onnx.NodeProto], inputs: dict[str, tuple], output: int, constants: dict) -> bytes:
    """One-layer model; `inputs` maps names to (element type, shape)."""
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("Y", output, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN_CONV, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def dense_model(layer: Layer, w: np.ndarray, b: np.ndarray) -> bytes:
    """Conv -> Relu of ONNX Runtime, channels first."""
    g = layer.geometry
    nodes = [
        helper.make_node("Conv", ["X", "W", "B"], ["C"], strides=g.strides, pads=g.pads),
        helper.make_node("Relu", ["C"], ["Y"]),
    ]
    shape = [1, layer.channels, layer.size, layer.size]
    constants = {"W": np.ascontiguousarray(w.transpose(0, 3, 1, 2)), "B": b}
    return model(nodes, {"X": (TensorProto.FLOAT, shape)}, TensorProto.FLOAT, constants)


#: Writes the input of our node; it has no negative values.
BEFORE = helper.make_node("Relu", ["X"], ["X0"])


def srmm_model(layer: Layer, w: np.ndarray, b: np.ndarray, what: str) -> bytes:
    """SRMM with the algorithm that is named first; with `select` the selection is an input."""
    strategy, selects = what.split("_select")[0], what.endswith("select")
    attributes = srmm_attributes(layer.geometry, Pooling.none(), Activation.relu(), strategy)
    node = helper.make_node(
        SRMM, ["X0", "W", "B", "S" if selects else ""], ["Y"], domain=DOMAIN_CONV, **attributes
    )
    inputs = {"X": (TensorProto.FLOAT, [1, layer.size, layer.size, layer.channels])}
    if selects:
        inputs["S"] = (TensorProto.UINT8, [1, layer.output_size, layer.output_size, layer.outputs])
    return model([BEFORE, node], inputs, TensorProto.FLOAT, {"W": w, "B": b})


def predict_model(layer: Layer, w: np.ndarray, b: np.ndarray) -> bytes:
    """The int8 predictor alone, scale of the input from its own range."""
    p = build_int8(w, b)
    attributes = predict_attributes(layer.geometry, Pooling.none())
    node = helper.make_node(PREDICT, ["X0", "Wp", "Bp", "Wscale"], ["Y"], domain=DOMAIN_CONV, **attributes)
    inputs = {"X": (TensorProto.FLOAT, [1, layer.size, layer.size, layer.channels])}
    return model([BEFORE, node], inputs, TensorProto.UINT8, {"Wp": p.wp, "Bp": p.bp, "Wscale": p.wscale})


def session(data: bytes, threads: int, prefix: Path) -> ort.InferenceSession:
    """A profiled session at ORT_ENABLE_ALL."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads of the other session would spin for a while after its run, and take the cores from this one.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.enable_profiling = True
    options.profile_file_prefix = str(prefix)  # of its own: the name ends in the second
    spl_onnx.register(options)
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def node_times(profiled: ort.InferenceSession, ops: tuple[str, ...], skip: int) -> list[float]:
    """Milliseconds of each run of the named node, without the first `skip` runs."""
    events = json.loads(Path(profiled.end_profiling()).read_text())
    times = [e["dur"] / 1e3 for e in events if e.get("cat") == "Node" and e["args"].get("op_name") in ops]
    return times[skip:]


def measure(layer: Layer, what: str, level: float, threads: int, runs: int) -> tuple[float, float]:
    """Median milliseconds of the dense node and of ours, run in turn."""
    rng = np.random.default_rng(0)
    w, b = layer.weights(rng), rng.standard_normal(layer.outputs).astype(np.float32)
    x = np.abs(rng.standard_normal((1, layer.size, layer.size, layer.channels)).astype(np.float32)) + 0.01
    feeds = {"X": x}
    if what in ("zero_skip", "auto"):
        x *= rng.random(x.shape) >= level
    elif what == "predict":  # zeros come in groups of four channels
        x *= np.repeat(rng.random((*x.shape[:3], layer.channels // 4)) >= level, 4, axis=3)
    elif what.endswith("select"):
        side = layer.output_size
        feeds["S"] = (rng.random((1, side, side, layer.outputs)) < level).astype(np.uint8)
    data = predict_model(layer, w, b) if what == "predict" else srmm_model(layer, w, b, what)
    with tempfile.TemporaryDirectory() as folder:
        dense = session(dense_model(layer, w, b), threads, Path(folder) / "dense")
        ours = session(data, threads, Path(folder) / "ours")
        dense_feeds = {"X": np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
        for _ in range(runs + 2):
            dense.run(None, dense_feeds)
            ours.run(None, feeds)
        return (
            statistics.median(node_times(dense, ("Conv", "FusedConv"), 2)),
            statistics.median(node_times(ours, (SRMM, PREDICT), 2)),
        )


def json_row(
    what: str, layer: str, threads: int, levels: list[float], pairs: list[tuple[float, float]]
) -> dict[str, object]:
    """Times of one layer and kind: medians in milliseconds, one of each side per level."""
    dense, ours = ([round(ms, 5) for ms in times] for times in zip(*pairs, strict=True))
    known = {"what": what, "layer": layer, "threads": threads}
    return {**known, "levels": levels, "dense_ms": dense, "ours_ms": ours}


def main() -> None:
    """Print one line per shape and kind: ratios to dense at each level."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--what", nargs="+", default=list(LEVELS), choices=list(LEVELS))
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="KxK[sS]:C:O:SIZE")
    parser.add_argument("--levels", nargs="+", type=float, help="densities, or shares of zeros")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", metavar="R", help="write all times to this file")
    args = parser.parse_args()
    rows = []
    for what in args.what:
        levels = args.levels or LEVELS[what]
        print(f"{what:10} {'layer':18} thr  dense ms  " + " ".join(f"{v:6.2f}" for v in levels))
        for text in args.shapes:
            for threads in args.threads:
                pairs = [measure(Layer.parse(text), what, level, threads, args.runs) for level in levels]
                ratios = " ".join(f"{ours / dense:6.2f}" for dense, ours in pairs)
                print(f"{'':10} {text:18} {threads:3}  {pairs[0][0]:8.3f}  {ratios}", flush=True)
                rows.append(json_row(what, text, threads, levels, pairs))
    if args.json:
        write_json({"cpu": cpu_name(), "versions": versions(), "rows": rows}, args.json)


if __name__ == "__main__":
    main()
