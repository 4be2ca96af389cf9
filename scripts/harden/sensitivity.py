"""How far rounding may lead outputs of a network apart, from the network's own sensitivity.

A float32 sum of K products is, whatever its order, the exact sum for weights that differ by at most K * eps
of themselves. So the outputs for weights that are moved that far, each at random up or down, show how far
rounding in every layer may lead: through all layers behind, whatever these are. A few such networks are a
small sample, so `MARGIN` times the largest difference is allowed; and what a few roundings of the largest
output are, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
SAMPLES = 3
MARGIN = 4.0
LEAST = 64 * EPS


def plain_session(model: onnx.ModelProto) -> ort.InferenceSession:
    """A session of ONNX Runtime without the library."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def moved(model: onnx.ModelProto, rng: np.random.Generator) -> onnx.ModelProto:
    """The model with weights moved by as much as rounding of their sums amounts to."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    sizes = {name for node in model.graph.node if node.op_type == "Resize" for name in node.input[1:]}
    for tensor in copy.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.float32 and value.ndim and tensor.name not in sizes:
            products = 1 if value.ndim == 1 else value.size // min(value.shape)
            signs = rng.choice((-1.0, 1.0), value.shape)
            changed = (value * (1 + products * EPS * signs)).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    return copy


def expected(
    model: onnx.ModelProto, feeds: Sequence[dict[str, Array]], seed: int
) -> list[list[tuple[Array, float]]]:
    """What plain ONNX Runtime gives for each input, and the difference that is allowed.

    Args:
        model: the network.
        feeds: inputs of each run.
        seed: of the moved weights.

    Returns:
        For each run, for each output: the value, and how far any of its elements may lie from it.
    """
    rng = np.random.default_rng(seed)
    session = plain_session(model)
    values = [session.run(None, feed) for feed in feeds]
    gaps = np.zeros((len(feeds), len(values[0])))
    for _ in range(SAMPLES):
        other = plain_session(moved(model, rng))
        for i, feed in enumerate(feeds):
            differences = [_largest(a - b) for a, b in zip(other.run(None, feed), values[i], strict=True)]
            gaps[i] = np.maximum(gaps[i], differences)
    return [
        [(value, MARGIN * gap + LEAST * _largest(value)) for value, gap in zip(*pair, strict=True)]
        for pair in zip(values, gaps, strict=True)
    ]


def _largest(value: Array) -> float:
    return float(np.abs(value).max(initial=0))
