"""The original with rounding noise: what its outputs may differ by, and still be right.

Another order of summation gives a dot product of n terms another rounding error. That is as if each term had
been moved a little: by eps * sqrt(n) of itself, where the partial sums behave like a random walk. So noise of
that size is multiplied to the input of every layer with weights. It passes through the rest of the network as
rounding errors do, and shows what they become in each output.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx

from spl_onnx.rewrite.graph.tensors import subgraphs
from spl_onnx.rewrite.process.child import Feeds

EPS = float(np.finfo(np.float32).eps)
#: Operators that are layers where their second input is constant.
_LAYERS = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))


def rounding(length: float) -> float:
    """Relative size of the noise of dot products of `length` terms."""
    return EPS * math.sqrt(max(length, 1.0))


def noisy_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` that moves the inputs of its float32 layers by rounding errors, others every run."""
    noisy = onnx.ModelProto()
    noisy.CopyFrom(model)
    _add_noise(noisy.graph, {}, iter(range(1, 1 << 30)))
    return noisy


def noisy_feeds(feeds: Feeds, seed: int) -> Feeds:
    """Inputs whose floating-point numbers are moved by about one rounding."""
    rng = np.random.default_rng(seed)
    moved = {}
    for name, value in feeds.items():
        if np.issubdtype(value.dtype, np.floating):
            noise = 1.0 + np.finfo(value.dtype).eps * rng.standard_normal(value.shape)
            value = (value * noise).astype(value.dtype)
        moved[name] = value
    return moved


def noise_nodes(x: str, y: str, size: float, number: int) -> list[onnx.NodeProto]:
    """Nodes that write `x` times (1 + `size` * normal noise) to `y`; `number` is a seed of their own."""
    factor = f"{y}/factor"
    return [
        onnx.helper.make_node("RandomNormalLike", [x], [factor], mean=1.0, scale=size, seed=float(number)),
        onnx.helper.make_node("Mul", [x, factor], [y]),
    ]


def _add_noise(graph: onnx.GraphProto, outer: dict[str, onnx.TensorProto], numbers: Iterator[int]) -> None:
    """Put noise before every layer of `graph` and the graphs inside it."""
    constants = {**outer, **{tensor.name: tensor for tensor in graph.initializer}}
    made = ((node, a) for node in graph.node if node.op_type == "Constant" for a in node.attribute)
    constants |= {node.output[0]: a.t for node, a in made if a.name == "value"}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        size = _noise_of(node, constants)
        if size is not None:
            number = next(numbers)
            moved = f"spl/noise/{number}"
            nodes += noise_nodes(node.input[0], moved, size, number)
            node.input[0] = moved
        for inner in subgraphs(node):
            _add_noise(inner, constants, numbers)
        nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    del graph.node[:]
    graph.node.extend(nodes)


def _noise_of(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> float | None:
    """Size of the noise before a node; None where it is no float32 layer with constant weights."""
    if node.op_type not in _LAYERS or node.domain not in ("", "ai.onnx") or len(node.input) < 2:
        return None
    weights = constants.get(node.input[1])
    if weights is None or weights.data_type != onnx.TensorProto.FLOAT or node.input[0] in constants:
        return None
    return rounding(_length(node, list(weights.dims)))


def _length(node: onnx.NodeProto, dims: list[int]) -> float:
    """Terms of a dot product of a layer with weights of these dimensions."""
    if len(dims) < 2:
        return float(math.prod(dims))
    if node.op_type == "MatMul":
        return float(dims[-2])
    if node.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return float(dims[-1] if transposed else dims[-2])
    return math.prod(dims) / max(dims[0 if node.op_type == "Conv" else 1], 1)
