"""The same layer as plain ONNX in ONNX Runtime: an oracle that shares no code with the reference."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.spec.cases import ConvCase, GemmCase


def run_model(model: ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def build_model(
    nodes: list[NodeProto], feeds: dict[str, np.ndarray], weights: dict[str, np.ndarray]
) -> ModelProto:
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, [None] * v.ndim) for k, v in feeds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(v, k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, "dense", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def dense_conv(case: ConvCase) -> np.ndarray:
    """Conv + Add + Clip + MaxPool, `[N,pH,pW,O]`."""
    g, p = case.geometry, case.pooling
    feeds = {"x": case.x.transpose(0, 3, 1, 2), "r": case.r.transpose(0, 3, 1, 2)}
    limits = {"lo": np.float32(case.activation.clip_min), "hi": np.float32(case.activation.clip_max)}
    weights = {"w": np.ascontiguousarray(case.w.transpose(0, 3, 1, 2)), "b": case.b}
    nodes = [
        helper.make_node(
            "Conv",
            ["x", "w", "b"],
            ["c"],
            strides=g.strides,
            pads=g.pads,
            dilations=g.dilations,
            group=g.group,
        ),
        helper.make_node("Add", ["c", "r"], ["a"]),
        helper.make_node("Clip", ["a", "lo", "hi"], ["v"]),
        helper.make_node(
            "MaxPool",
            ["v"],
            ["y"],
            kernel_shape=p.kernel,
            strides=p.strides,
            pads=p.pads,
            ceil_mode=int(p.ceil),
        ),
    ]
    weights |= {k: np.asarray(v) for k, v in limits.items()}
    return run_model(build_model(nodes, feeds, weights), feeds)[0].transpose(0, 2, 3, 1)


def dense_gemm(case: GemmCase) -> np.ndarray:
    """MatMul + Add + Add + Clip, `[...,O]`."""
    feeds = {"x": case.x, "r": case.r}
    weights = {"w": np.ascontiguousarray(case.w.T), "b": case.b}
    weights["lo"] = np.asarray(case.activation.clip_min, np.float32)
    weights["hi"] = np.asarray(case.activation.clip_max, np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["t"]),
        helper.make_node("Add", ["t", "r"], ["a"]),
        helper.make_node("Clip", ["a", "lo", "hi"], ["y"]),
    ]
    return run_model(build_model(nodes, feeds, weights), feeds)[0]
