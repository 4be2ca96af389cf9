"""The operators inside a network: what each gives for its own inputs must be what the reference says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from scripts.harden.answers import UnjudgedError, problem_of
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    PREDICT,
    PREDICT_INPUTS,
    SRMM,
    SRMM_INPUTS,
    VERSION,
)

Array = NDArray[Any]
_INPUTS = {PREDICT: PREDICT_INPUTS, SRMM: SRMM_INPUTS}


def operator_problem(
    model: onnx.ModelProto,
    feeds: Sequence[Mapping[str, Array]],
    open_session: Callable[[onnx.ModelProto], ort.InferenceSession],
) -> str:
    """What is wrong with the answers of the operators of a model's main graph; "" when nothing is.

    Args:
        model: a rewritten model.
        feeds: inputs of each run.
        open_session: makes a session with the library.
    """
    nodes = [node for node in model.graph.node if node.domain in (DOMAIN_CONV, DOMAIN_GEMM)]
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    fed = {value.name for value in model.graph.input}
    values = {name for node in nodes for name in (*node.input, *node.output) if name}
    selections = {node.output[0] for node in nodes if node.op_type == PREDICT}
    with extra_outputs(model, sorted(values - fed - set(constants)), selections):
        session = open_session(model)
    names = [output.name for output in session.get_outputs()]
    for feed in feeds:
        tensors = {**feed, **dict(zip(names, session.run(None, dict(feed)), strict=True))}
        for node in nodes:
            problem = _problem(node, constants, tensors)
            if problem:
                return f"{node.name}: {problem}"
    return ""


def _problem(node: onnx.NodeProto, constants: Mapping[str, TensorProto], tensors: Mapping[str, Array]) -> str:
    single, fed = _alone(node, constants, tensors)
    try:
        return problem_of(single, fed, tensors[node.output[0]])
    except UnjudgedError:
        return ""


def _alone(
    node: onnx.NodeProto, constants: Mapping[str, TensorProto], tensors: Mapping[str, Array]
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A model with one node, its inputs called as in the specification, and what it is fed."""
    names = dict(zip(_INPUTS.get(node.op_type, ("X",)), node.input, strict=False))
    single = onnx.NodeProto()
    single.CopyFrom(node)
    del single.input[:]
    single.input.extend(new if old else "" for new, old in names.items())
    weights = {new: numpy_helper.to_array(constants[old]) for new, old in names.items() if old in constants}
    fed = {new: tensors[old] for new, old in names.items() if old and old not in constants}
    graph = helper.make_graph(
        [single],
        "alone",
        [_info(name, value) for name, value in fed.items()],
        [_info(node.output[0], tensors[node.output[0]])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(node.domain, VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8), fed


def _info(name: str, value: Array) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), None)
