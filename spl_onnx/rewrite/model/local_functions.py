"""Functions that a model brings along: they stay as they are, and no site is looked for inside them."""

from __future__ import annotations

from collections.abc import Collection

import onnx

from spl_onnx.rewrite.model.own_nodes import all_nodes, function_nodes


def describe_unseen(model: onnx.ModelProto, operators: Collection[str]) -> list[str]:
    """What the user should know of the functions of `model`: at most one sentence.

    Args:
        model: The model.
        operators: Names of standard operators that would be candidates outside a function.
    """
    called = {(node.domain, node.op_type) for node in all_nodes(model)}
    found = [
        f"{function.domain}.{function.name}"
        for function in model.functions
        if (function.domain, function.name) in called and _holds(function, operators)
    ]
    if not found:
        return []
    return [
        f"layers in functions of the model are left as they are ({', '.join(found)}); "
        "onnx.inliner.inline_local_functions makes plain nodes of them"
    ]


def _holds(function: onnx.FunctionProto, operators: Collection[str]) -> bool:
    nodes = function_nodes(function)
    return any(node.op_type in operators and node.domain in ("", "ai.onnx") for node in nodes)
