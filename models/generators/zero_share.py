"""Gives a generated network a chosen share of zeros after each ReLU.

Random weights zero about half of everything, and deep channels become constant. The speed of prediction and
skipping depends on both, so a generated network used for timing should have the shares of a trained one. Only
biases change: every channel is first centred, then all are moved by the quantile that leaves the wanted share
at or below zero.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from .builder import IR_VERSION, OPSET, Float

_BIAS_INPUT = {"Conv": 2, "Gemm": 2, "BatchNormalization": 2}
Values = dict[str, Float]


def calibrate_zero_share(
    model: onnx.ModelProto, shares: Sequence[float], images: Float, behind_pooling: Collection[int] = ()
) -> onnx.ModelProto:
    """Sets the biases so that ReLU i zeroes the share `shares[i]` of its inputs, over `images`.

    Args:
        model: a network of models.generators; it is left unchanged.
        shares: one value in 0..1 for every ReLU in graph order.
        images: [N, C, H, W], at least two; each node runs once over all of them.
        behind_pooling: ReLUs whose share is that of the zeros behind the MaxPool that reads them, as papers
            give it that count zeros in the next layer's input.

    Returns:
        A copy with new biases.

    Raises:
        ValueError: a share is missing or outside 0..1, or fewer than two images are given.
    """
    relus = [node for node in model.graph.node if node.op_type == "Relu"]
    if len(shares) != len(relus) or not all(0.0 <= share <= 1.0 for share in shares):
        raise ValueError(
            f"shares: got {list(shares)}, wanted one value in 0..1 for each of {len(relus)} ReLUs"
        )
    if len(images) < 2:
        raise ValueError(f"images: got {len(images)}, wanted at least 2 to centre the channels")
    result = onnx.ModelProto()
    result.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in result.graph.initializer}
    producers = {node.output[0]: node for node in result.graph.node}
    readers = {node.input[0]: node for node in result.graph.node}
    values: Values = {result.graph.input[0].name: images}
    remaining = iter(enumerate(shares))
    for node in result.graph.node:
        if node.op_type == "Relu":
            before = values[node.input[0]]
            index, share = next(remaining)
            pool = readers[node.output[0]] if index in behind_pooling else None
            change = _offset(before, share, pool)
            _move_bias(constants[_bias_of(node.input[0], producers)], change)
            values[node.input[0]] = before + change.reshape(-1, *[1] * (before.ndim - 2))
        values[node.output[0]] = _run(node, values, constants)
    return result


def _offset(before: Float, share: float, pool: onnx.NodeProto | None) -> Float:
    """What to add to each channel of `before` [N, C, ...] so that the share at or below zero is as wanted.

    With `pool`, the share is that of its outputs: ReLU and maximum may change places.
    """
    axes = tuple(axis for axis in range(before.ndim) if axis != 1)
    mean = before.mean(axis=axes, keepdims=True)
    centred = before - mean
    seen = centred if pool is None else _run(pool, {pool.input[0]: centred}, {})
    return np.asarray(-(mean.ravel() + np.quantile(seen, share)), np.float32)


def _bias_of(tensor: str, producers: dict[str, onnx.NodeProto]) -> str:
    """Name of the initializer that shifts `tensor`; of a sum, the one of its first addend."""
    node = producers[tensor]
    while node.op_type == "Add":
        node = producers[node.input[0]]
    return str(node.input[_BIAS_INPUT[node.op_type]])


def _move_bias(bias: onnx.TensorProto, change: Float) -> None:
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + change, bias.name))


def _run(node: onnx.NodeProto, values: Values, constants: dict[str, onnx.TensorProto]) -> Float:
    """The node's output, from a session that holds this node alone."""
    inputs = [name for name in node.input if name in values]
    declared = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, values[n].shape) for n in inputs]
    output = helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
    weights = [constants[name] for name in node.input if name in constants]
    graph = helper.make_graph([node], node.name, declared, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {name: values[name] for name in inputs})
    return np.asarray(result)
