"""The last step on a rewritten model: domains, fallback functions and IR version."""

from __future__ import annotations

import onnx

from spl_onnx.rewrite.edit.inner_names import keep_apart
from spl_onnx.rewrite.edit.weight_scales import scale_all_weights
from spl_onnx.rewrite.model.own_nodes import own_nodes
from spl_onnx.spec.attributes import VERSION
from spl_onnx.spec.functions import fallback_functions

#: Model-local functions exist from this IR version on.
FUNCTIONS_IR_VERSION = 8


def require_fallback(model: onnx.ModelProto) -> None:
    """Refuse a model that no dense bodies can be written for, whatever its sites.

    Raises:
        ModelError: Its opset is too old.
    """
    fallback_functions(_opset(model))


def finish_model(model: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    """Add to `model`, in place, what the operators in it need; a model without them is left as it is.

    Args:
        model: The rewritten model.
        original: The model it was made from.

    Returns:
        `model`.
    """
    used = {(node.domain, node.op_type) for node in own_nodes(model)}
    if not used:
        return model
    scaled = scale_all_weights(model)
    functions = [f for f in fallback_functions(_opset(model), scaled) if (f.domain, f.name) in used]
    keep_apart(functions, model)
    _replace_functions(model, functions)
    _import_domains(model, {domain for domain, _ in used})
    if model.ir_version < 4:
        _drop_inputs(model.graph, {tensor.name for tensor in original.graph.initializer})
    model.ir_version = max(model.ir_version, FUNCTIONS_IR_VERSION)
    return model


def _opset(model: onnx.ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)


def _replace_functions(model: onnx.ModelProto, functions: list[onnx.FunctionProto]) -> None:
    """Add `functions` instead of those of the same names that no node of the original called."""
    names = {(function.domain, function.name) for function in functions}
    kept = [function for function in model.functions if (function.domain, function.name) not in names]
    del model.functions[:]
    model.functions.extend([*kept, *functions])


def _import_domains(model: onnx.ModelProto, domains: set[str]) -> None:
    """Import `domains` in our version, also where the original did in another one and used it for nothing."""
    kept = [entry for entry in model.opset_import if entry.domain not in domains]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    for domain in sorted(domains):
        model.opset_import.add(domain=domain, version=VERSION)


def _drop_inputs(graph: onnx.GraphProto, constants: set[str]) -> None:
    """Before IR version 4 initializers had to be inputs too; from 4 on that means they can be overridden."""
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
