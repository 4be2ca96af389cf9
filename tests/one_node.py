"""Models of one node of ours, without a fallback body: only the library can run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.spec.attributes import PREDICT, Q_LRN, Q_MAX_POOL, QSRMM, QUANTIZE, VERSION

Dims = Sequence[int | str | None] | None

#: Operators that give bytes.
_BYTES = (PREDICT, QSRMM, Q_LRN, Q_MAX_POOL, QUANTIZE)


def one_node(
    op_type: str,
    domain: str,
    attributes: Mapping[str, Any],
    inputs: Sequence[str],
    shapes: Mapping[str, Dims] | None = None,
    constants: Mapping[str, np.ndarray] | None = None,
    types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A model of one node `site/node`, whose output `y` has no known shape.

    Args:
        op_type: operator.
        domain: its domain.
        attributes: of the node.
        inputs: their names, in order; "" where one is omitted.
        shapes: of inputs by name; of others not even the rank is known.
        constants: values of inputs that are initializers, by name.
        types: element types of inputs that are not float32.
    """
    given, kinds = constants or {}, types or {}
    node = helper.make_node(op_type, inputs, ["y"], "site/node", domain=domain, **attributes)
    fed = {name: (shapes or {}).get(name) for name in inputs if name and name not in given}
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), s) for n, s in fed.items()],
        [helper.make_tensor_value_info("y", _output_type(op_type), None)],
        [numpy_helper.from_array(value, name) for name, value in given.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _output_type(op_type: str) -> int:
    return int(TensorProto.UINT8 if op_type in _BYTES else TensorProto.FLOAT)
