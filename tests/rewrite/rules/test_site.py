"""Names of nodes and matches, and what is said where making a site fails."""

from __future__ import annotations

from spl_onnx.rewrite.rules.site import Match, label, unforeseen
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


def test_label_uses_the_name_or_else_the_output():
    made = Net()
    made.node("Relu", [made.input("x", [2])], "y")
    scope = scope_of(made, "y")
    node = node_of(scope, "y")
    assert label(node) == "Relu 'y_node'"
    node.name = ""
    assert label(node) == "Relu 'y'"


def test_a_match_is_named_by_its_output_and_its_layer():
    made = Net()
    made.node("Relu", [made.input("x", [2])], "y")
    scope = scope_of(made, "y")
    node = node_of(scope, "y")
    match = Match(scope, node, node.outputs[0], [node])
    assert (match.name, match.layer) == ("y", "y_node")
    match.site_name, node.name = "another", ""
    assert (match.name, match.layer) == ("another", "y")


def test_the_unforeseen_is_told_in_one_short_line():
    text = unforeseen(None, ValueError("first\nsecond " + 300 * "x"))
    assert text.startswith("the site has something that was not foreseen (ValueError: first second x")
    assert "\n" not in text and len(text) < 300
