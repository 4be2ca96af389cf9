"""What shows that a model was rewritten before."""

from __future__ import annotations

import onnx
import pytest
from onnx import helper

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.model.own_nodes import all_nodes, own_nodes, require_original
from tests.rewrite.builders import Net, rewritten


def net() -> Net:
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "a", 4, 3)], "y")
    return made


def test_nodes_of_all_graphs():
    made = net()
    found = [node.op_type for node in all_nodes(made.in_if("y"))]
    assert sorted(found) == ["Conv", "If", "Neg", "Relu"]
    result = rewritten(net().in_if("y"), lossless=True)
    assert [node.op_type for node in own_nodes(result.model)] == ["SRMM"]
    with pytest.raises(ModelError, match=r"^m\.onnx: node '.*y/srmm' is an operator ai\.spl\.conv\.SRMM"):
        require_original(result.model, "m.onnx")


def test_a_node_in_a_function_counts():
    model = net().model("y")
    body = [helper.make_node("SRMM", ["X", "X"], ["Y"], domain="ai.spl.gemm")]
    imports = [helper.make_opsetid("ai.spl.gemm", 1)]
    model.functions.append(helper.make_function("my", "Block", ["X"], ["Y"], body, imports))
    with pytest.raises(ModelError, match=r"ai\.spl\.gemm\.SRMM already"):
        require_original(model, "m.onnx")


def test_imports_and_functions_that_nobody_calls_do_not():
    model = net().model("y")
    left = rewritten(model, lossless=True).model
    model.opset_import.extend(entry for entry in left.opset_import if entry.domain)
    model.functions.extend(left.functions)
    assert isinstance(model, onnx.ModelProto) and list(model.functions)
    require_original(model, "m.onnx")
