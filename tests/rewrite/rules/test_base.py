"""Decisions of rules."""

from __future__ import annotations

import pytest

from spl_onnx.rewrite.rules.registry import RULES
from spl_onnx.rewrite.rules.site import Decision
from tests.rewrite.builders import Net, rewritten
from tests.rewrite.rules.matches import node_of, scope_of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_describes_itself(rule):
    assert rule.anchors <= {"Conv", "Gemm", "MatMul", "MaxPool", "LRN"}
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


@pytest.mark.parametrize(
    ("op", "attributes", "words"),
    [
        ("Conv", {"strides": [1, 1, 1]}, "strides is [1, 1, 1], wanted 2 whole numbers from 1"),
        ("Conv", {"strides": [0, 1]}, "strides is [0, 1]"),
        ("Conv", {"pads": [1 << 40] * 4}, "pads is"),
        ("Conv", {"pads": [1]}, "pads is [1], wanted 4 whole numbers"),
        ("Conv", {"group": 0}, "group is 0"),
        ("Conv", {"group": "two"}, "group is two"),
        ("Conv", {"auto_pad": 3}, "auto_pad is 3, wanted a text"),
        ("Conv", {"dilations": [1.5, 2.5]}, "dilations is [1.5, 2.5]"),
        ("MaxPool", {}, "kernel_shape is missing"),
        ("MaxPool", {"kernel_shape": [2, -2]}, "kernel_shape is [2, -2]"),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2]}, "strides is [2]"),
        ("MaxPool", {"kernel_shape": [2, 2], "ceil_mode": "yes"}, "ceil_mode is yes"),
    ],
)
def test_attributes_that_mean_nothing_are_a_reason(op, attributes, words):
    made = Net()
    weights = made.random("w", 4, 3, 3, 3)
    conv = made.node(
        "Conv", [made.input("x", [1, 3, 8, 8]), weights], "c", **(attributes if op == "Conv" else {})
    )
    act = made.node("Relu", [conv], "r")
    made.node("MaxPool", [act], "y", **(attributes if op == "MaxPool" else {"kernel_shape": [2, 2]}))
    entries = rewritten(made.broken("y"), no_verify=True, rules="conv_relu_pool").plan.sites
    assert [words in entry.reason and entry.choice == "dense" for entry in entries] == [True], entries


@pytest.mark.parametrize(
    ("dims", "kind"),
    [([-1, 3, 3, 3], 1), ([4, 3, 3, 4], 1), ([4, 3, 3, 3], 33), ([1 << 62, 4, 1 << 62, 1], 1)],
)
def test_weights_that_cannot_be_read_are_a_reason(dims, kind):
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "y")
    tensor = made.initializers[0]
    tensor.dims[:] = dims
    tensor.data_type = kind
    entry = rewritten(made.broken("y"), no_verify=True).plan.sites[0]
    assert entry.choice == "dense" and "is not constant" in entry.reason


@pytest.mark.parametrize("inputs", [[], [""], ["x"], ["", "w"], ["x", ""]])
def test_nodes_without_their_inputs_are_no_sites(inputs):
    made = Net()
    made.input("x", [1, 3, 8, 8])
    made.random("w", 4, 3, 3, 3)
    made.node("Relu", [made.node("Conv", inputs, "c")], "y")
    assert not [site for site in rewritten(made.broken("y"), no_verify=True).plan.sites if site.is_rewritten]
