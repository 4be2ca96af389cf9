"""Domains, functions and IR version of the result."""

from __future__ import annotations

import onnx
import pytest

from spl_onnx.errors import ModelError
from tests.rewrite.builders import Net, assert_same, rewritten
from tests.test_steps import FEEDS, net


def test_an_opset_without_fallback_is_refused():
    with pytest.raises(ModelError, match="opset 6; wanted 7 or newer"):
        rewritten(net(6).model("y"))


@pytest.mark.parametrize(("before", "after"), [(4, 8), (7, 8), (8, 8), (10, 10)])
def test_ir_version_is_raised_to_8_only(before, after):
    assert rewritten(net(11, before).model("y")).model.ir_version == after


def test_nothing_to_rewrite_changes_nothing():
    made = Net(11, 5)
    made.node("Relu", [made.input("x", ["N", 3])], "y")
    model = made.model("y")
    result = rewritten(model)
    assert result.model == model
    assert sum(result.plan.counts().values()) == 0


def test_functions_of_ours_that_nobody_calls_give_way():
    """Left over where others inlined or replaced what called them; theirs would hide the right ones."""
    left = onnx.helper.make_function(
        "ai.spl.gemm", "SRMM", ["X"], ["Y"], [onnx.helper.make_node("Neg", ["X"], ["Y"])],
        [onnx.helper.make_opsetid("", 17)],
    )  # fmt: skip
    other = onnx.FunctionProto()
    other.CopyFrom(left)
    other.name = "Other"
    model = net().model("y")
    model.functions.extend([left, other])
    model.opset_import.add(domain="ai.spl.gemm", version=1)
    result = rewritten(model, lossless=True)
    names = [f"{f.domain}.{f.name}" for f in result.model.functions]
    assert sorted(names) == ["ai.spl.conv.SRMM", "ai.spl.gemm.Other", "ai.spl.gemm.SRMM"]
    assert_same(model, result, FEEDS)


def test_domains_and_functions_are_added_once_and_only_those_used():
    made = net()
    result = rewritten(made.model("y"), rules="gemm_relu", lossless=True)
    assert [(o.domain, o.version) for o in result.model.opset_import] == [("", 17), ("ai.spl.gemm", 1)]
    assert [(f.domain, f.name) for f in result.model.functions] == [("ai.spl.gemm", "SRMM")]
    result = rewritten(made.model("y"))
    assert len(result.model.functions) == 4
