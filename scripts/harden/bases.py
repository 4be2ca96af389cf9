"""Sound models that are damaged afterwards: bundled, generated, from the data folder, and rewritten ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx

from models.generators.builder import GraphBuilder
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model

PROJECT = Path(__file__).resolve().parents[2]
#: Ends the name of a base that was rewritten, so that it holds our operators.
REWRITTEN = "+spl"
_DATA_MODELS = ("mnist_lenet", "cifar10_resnet20")


def base_names() -> list[str]:
    """Names of all bases there are here; the data folder adds some."""
    files = [name for name in _DATA_MODELS if (path := _data_file(name)) is not None and path.is_file()]
    plain = ["digits", *_NETWORKS, *files]
    return [*plain, *(name + REWRITTEN for name in plain)]


@cache
def base(name: str) -> bytes:
    """The file of a base."""
    plain = name.removesuffix(REWRITTEN)
    path = PROJECT / "models" / "digits_cnn.onnx" if plain == "digits" else _data_file(plain)
    model = _NETWORKS[plain]() if plain in _NETWORKS else onnx.load(str(path))
    if name.endswith(REWRITTEN):
        model = rewrite_model(model, RewriteOptions(rules="all", no_verify=True)).model
    return bytes(model.SerializeToString())


def _data_file(name: str) -> Path | None:
    folder = os.environ.get("SPL_ONNX_DATA")
    return Path(folder) / "models" / f"{name}.onnx" if folder else None


def _weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 0.2


def _residual() -> onnx.ModelProto:
    """Two convolutions with normalisation around a shortcut, then mean and a matrix product."""
    graph = GraphBuilder("residual", (3, 10, 10))
    norm = [np.ones(8, np.float32), np.zeros(8, np.float32), np.zeros(8, np.float32), np.ones(8, np.float32)]
    stem = graph.relu(graph.batch_norm(graph.conv(graph.input, _weights(8, 3, 3, 3), pad=1), *norm))
    branch = graph.relu(graph.batch_norm(graph.conv(stem, _weights(8, 8, 3, 3), pad=1), *norm))
    branch = graph.batch_norm(graph.conv(branch, _weights(8, 8, 3, 3), pad=1), *norm)
    total = graph.max_pool(graph.relu(graph.add(branch, stem)), 2, 2)
    return graph.finish(_head(graph, graph.global_average_pool(total), 8))


def _normed() -> onnx.ModelProto:
    """Convolution, pooling, LRN, a grouped convolution, and two matrix products."""
    graph = GraphBuilder("normed", (3, 16, 16))
    first = graph.max_pool(
        graph.relu(graph.conv(graph.input, _weights(8, 3, 5, 5), _weights(8), pad=2)), 3, 2
    )
    second = graph.relu(
        graph.conv(graph.local_response_norm(first), _weights(8, 4, 3, 3), _weights(8), pad=1, group=2)
    )
    return graph.finish(_head(graph, graph.max_pool(second, 2, 2), 8 * 3 * 3))


def _head(graph: GraphBuilder, x: str, length: int) -> str:
    hidden = graph.relu(graph.gemm(graph.flatten(x), _weights(12, length), _weights(12)))
    return graph.gemm(hidden, _weights(4, 12), _weights(4))


#: Operators that move to channels-last images between sites, branches of an If and rows.
_MIXED = """
<ir_version: 8, opset_import: ["" : 17]>
mixed (float[N, 4, 8, 8] x, bool flag) => (float[N, 6] y, float[N, 8, 4, 4] z) {
  c1 = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)
  r1 = Clip (c1, zero, six)
  d1, d2 = Split <axis = 1> (r1, halves)
  s1 = Sigmoid (d1)
  j1 = Concat <axis = 1> (s1, d2)
  p1 = Pad (j1, border)
  t1 = Slice (p1, starts, ends, axes)
  c2 = Conv <auto_pad = "SAME_UPPER", group = 2> (t1, w2)
  m2 = Mul (c2, scale)
  a2 = Add (m2, j1)
  r2 = Relu (a2)
  z = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (r2)
  mean = ReduceMean <axes = [2, 3], keepdims = 1> (r2)
  row = Squeeze (mean, axes)
  q1 = MatMul (row, v1)
  q2 = Add (q1, v2)
  q3 = Relu (q2)
  y = If (flag) <
    then_branch = then () => (float[N, 6] one) { one = Gemm <transB = 1> (q3, v3, v4) },
    else_branch = other () => (float[N, 6] two) {
      g = Gemm <transB = 1> (q3, v3, v4)
      two = Relu (g)
    }
  >
}
"""


def _mixed() -> onnx.ModelProto:
    """One of nearly everything that rules and layout look at."""
    model = onnx.parser.parse_model(_MIXED)
    whole = {
        "halves": [4, 4],
        "border": [0, 0, 1, 1, 0, 0, 1, 1],
        "starts": [1, 1],
        "ends": [-1, -1],
        "axes": [2, 3],
    }
    constants = {name: np.array(values, np.int64) for name, values in whole.items()}
    constants |= {"zero": np.float32(0), "six": np.float32(6), "scale": _weights(8, 1, 1)}
    constants |= {"w1": _weights(8, 4, 3, 3), "b1": _weights(8), "w2": _weights(8, 4, 3, 3)}
    constants |= {"v1": _weights(8, 10), "v2": _weights(10), "v3": _weights(6, 10), "v4": _weights(6)}
    tensors = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model.graph.initializer.extend(tensors)
    return model


_NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    "residual": _residual,
    "normed": _normed,
    "mixed": _mixed,
}
