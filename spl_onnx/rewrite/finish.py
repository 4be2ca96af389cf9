"""The last step on a rewritten model: domains, fallback functions and IR version."""

from __future__ import annotations

import onnx

from spl_onnx.rewrite.tensors import all_graphs
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, VERSION
from spl_onnx.spec.functions import fallback_functions

#: Model-local functions exist from this IR version on.
FUNCTIONS_IR_VERSION = 8


def finish_model(model: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    """Add to `model`, in place, what the operators in it need; a model without them is left as it is.

    Args:
        model: The rewritten model.
        original: The model it was made from.

    Returns:
        `model`.
    """
    used = {
        (node.domain, node.op_type)
        for graph in all_graphs(model.graph)
        for node in graph.node
        if node.domain in (DOMAIN_CONV, DOMAIN_GEMM)
    }
    if not used:
        return model
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    model.functions.extend(f for f in fallback_functions(opset) if (f.domain, f.name) in used)
    for domain in sorted({domain for domain, _ in used}):
        model.opset_import.add(domain=domain, version=VERSION)
    if model.ir_version < 4:
        _drop_inputs(model.graph, {tensor.name for tensor in original.graph.initializer})
    model.ir_version = max(model.ir_version, FUNCTIONS_IR_VERSION)
    return model


def _drop_inputs(graph: onnx.GraphProto, constants: set[str]) -> None:
    """Before IR version 4 initializers had to be inputs too; from 4 on that means they can be overridden."""
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
