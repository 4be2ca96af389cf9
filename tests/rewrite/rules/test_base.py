"""Decisions of rules."""

from __future__ import annotations

import pytest

from spl_onnx.rewrite.rules.base import Decision, label
from spl_onnx.rewrite.rules.registry import RULES
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_describes_itself(rule):
    assert rule.anchors <= {"Conv", "Gemm", "MatMul", "LRN"}
    assert rule.summary.startswith(tuple(rule.anchors))
    assert type(rule).__doc__


def test_a_decision_always_has_a_reason():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)], "y")
    scope = scope_of(made, "y")
    rule = next(rule for rule in RULES if rule.name == "conv_relu")
    (match,) = rule.pattern(scope, node_of(scope, "c"))
    assert rule.check(match) == Decision(True, rule.summary)
    match.problems.append("because")
    assert rule.check(match) == Decision(False, "because")


def test_label_uses_the_name_or_else_the_output():
    made = Net()
    made.node("Relu", [made.input("x", [2])], "y")
    scope = scope_of(made, "y")
    node = node_of(scope, "y")
    assert label(node) == "Relu 'y_node'"
    node.name = ""
    assert label(node) == "Relu 'y'"
