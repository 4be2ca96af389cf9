"""Names inside our functions, where a model holds what ONNX Runtime once made of such functions.

Inlining a function F, ONNX Runtime calls its tensor t `_inlfunc_F_t` and does not look whether the graph has
that name already. It has where a rewritten model was saved optimised, without the library, and is rewritten
again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import onnx

from spl_onnx.rewrite.graph.tensors import all_graphs

_INLINED = "_inlfunc_"


def keep_apart(functions: list[onnx.FunctionProto], model: onnx.ModelProto) -> None:
    """Rename, in place, the tensors inside `functions` where inlined ones could meet tensors of `model`."""
    inlined = [name for name in _tensor_names(model) if name.startswith(_INLINED)]
    if not inlined:
        return
    free = (f"_{number}" for number in count(2))
    suffix = next(text for text in free if not any(name.endswith(text) for name in inlined))
    for function in functions:
        outside = {"", *function.input, *function.output}
        for node in function.node:
            for names in (node.input, node.output):
                names[:] = [name if name in outside else name + suffix for name in names]


def _tensor_names(model: onnx.ModelProto) -> Iterator[str]:
    for graph in all_graphs(model.graph):
        yield from (tensor.name for tensor in graph.initializer)
        for node in graph.node:
            yield from node.output
