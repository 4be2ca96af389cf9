"""A small residual network whose channels can be cut, and images for it."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from models.generators.builder import GraphBuilder
from spl_onnx.data.inputs import input_specs
from spl_onnx.data.npz import NpzReader

SIZE = 10
WIDTHS = (12, 16)
CLASSES = 6


def _norm(graph: GraphBuilder, x: str, g: np.random.Generator) -> str:
    channels = graph.shape(x)[0]
    scale, variance = (g.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(2))
    shift, mean = ((g.standard_normal(channels) * 0.2).astype(np.float32) for _ in range(2))
    return graph.batch_norm(x, scale, shift, mean, variance)


def _conv(
    graph: GraphBuilder, x: str, filters: int, g: np.random.Generator, kernel: int = 3, stride: int = 1
) -> str:
    channels = graph.shape(x)[0]
    weight = g.standard_normal((filters, channels, kernel, kernel)) / np.sqrt(channels * kernel**2 / 2)
    return _norm(graph, graph.conv(x, weight.astype(np.float32), stride=stride, pad=kernel // 2), g)


def residual_network(seed: int = 0) -> onnx.ModelProto:
    """Stem, a block with the identity as shortcut, a block of stride 2 with a convolution, mean, Gemm."""
    g = np.random.default_rng(seed)
    graph = GraphBuilder("residual", (3, SIZE, SIZE))
    x = graph.relu(_conv(graph, graph.input, 8, g))
    middle = graph.relu(_conv(graph, x, WIDTHS[0], g))
    x = graph.relu(graph.add(_conv(graph, middle, 8, g), x))
    middle = graph.relu(_conv(graph, x, WIDTHS[1], g, stride=2))
    branch = _conv(graph, middle, 10, g)
    x = graph.relu(graph.add(branch, _conv(graph, x, 10, g, kernel=1, stride=2)))
    x = graph.flatten(graph.global_average_pool(x))
    weight, bias = g.standard_normal((CLASSES, 10)).astype(np.float32), np.zeros(CLASSES, np.float32)
    return graph.finish(graph.gemm(x, weight, bias))


def pictures(count: int, seed: int = 1) -> NDArray[np.float32]:
    """[count, 3, 10, 10] float32."""
    return np.random.default_rng(seed).standard_normal((count, 3, SIZE, SIZE)).astype(np.float32)


def reader_of(folder, model: onnx.ModelProto, x: NDArray[np.float32], y=None, batch: int = 16) -> NpzReader:
    """The pictures as data."""
    np.savez(folder / "pictures.npz", x=x, **({} if y is None else {"y": y}))
    return NpzReader([folder / "pictures.npz"], input_specs(model), batch)
