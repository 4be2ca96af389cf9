"""Small networks with seeded weights, for tests that need a model and not a trained one."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5
IMAGE = (3, 8, 8)


def _tensor(name: str, generator: np.random.Generator, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array((generator.standard_normal(shape) * 0.3).astype(np.float32), name)


def small_cnn(batch: int | str = "N", size: int | str = 8, seed: int = 0) -> onnx.ModelProto:
    """Conv, ReLU, MaxPool (site `pooled`), Conv, ReLU (`second`), mean, Gemm, ReLU (`hidden`), Gemm.

    Input `input` [batch, 3, size, size], output `logits` [batch, 5].
    """
    g = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("MaxPool", ["r1"], ["pooled"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pooled", "w2", "b2"], ["c2"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["second"], "relu2"),
        helper.make_node("GlobalAveragePool", ["second"], ["mean"], "mean"),
        helper.make_node("Flatten", ["mean"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["g1"], "gemm1", transB=1),
        helper.make_node("Relu", ["g1"], ["hidden"], "relu3"),
        helper.make_node("Gemm", ["hidden", "w4", "b4"], ["logits"], "gemm2", transB=1),
    ]
    weights = [
        _tensor("w1", g, 8, 3, 3, 3),
        _tensor("b1", g, 8),
        _tensor("w2", g, 16, 8, 3, 3),
        _tensor("b2", g, 16),
        _tensor("w3", g, 12, 16),
        _tensor("b3", g, 12),
        _tensor("w4", g, CLASSES, 12),
        _tensor("b4", g, CLASSES),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, CLASSES])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def small_images(count: int, seed: int = 1) -> NDArray[np.float32]:
    """[count, 3, 8, 8] float32 for `small_cnn`."""
    return np.random.default_rng(seed).standard_normal((count, *IMAGE)).astype(np.float32)
