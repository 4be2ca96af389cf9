"""Which match is taken, and what the plan says about the others."""

from __future__ import annotations

import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.rules.conv_relu import ConvRelu
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.sites.candidates import find_candidates, plan_selector
from spl_onnx.rewrite.sites.plan import Plan, SitePlan
from tests.rewrite.builders import Net
from tests.rewrite.rules.quantised.layers import chain
from tests.rewrite.rules.test_conv_add_relu import two_convolutions
from tests.test_steps import net


def entries(made: Net, *outputs: str, **options) -> list[tuple[str, str, str]]:
    found = find_candidates(ModelContext(made.model(*outputs)), selector(RewriteOptions(**options)))
    return [(c.entry.site, c.entry.rule, c.entry.choice) for c in found]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "all",
            [
                ("p1", "conv_relu_pool", "predict"),
                ("r2", "conv_relu", "predict"),
                ("y", "gemm_relu", "predict"),
            ],
        ),
        (
            "default",
            [
                ("p1", "conv_relu_pool", "predict"),
                ("r2", "conv_relu", "dense"),
                ("y", "gemm_relu", "predict"),
            ],
        ),
        (
            "conv_relu",
            [("r1", "conv_relu", "predict"), ("r2", "conv_relu", "predict"), ("y", "gemm_relu", "dense")],
        ),
    ],
)
def test_the_largest_selected_pattern_is_taken(rules, expected):
    assert entries(net(), "y", rules=rules) == expected


def test_layers_without_a_pattern_are_listed():
    made = Net()
    made.node("MatMul", [made.input("x", [5, 2]), made.random("w", 2, 3)], "c")
    found = find_candidates(ModelContext(made.model("c")), selector(RewriteOptions(rules="all")))
    assert [(c.entry.site, c.entry.rule, c.entry.choice) for c in found] == [("c", "none", "dense")]
    assert found[0].entry.reason == (
        "MatMul 'c_node' is followed by no activation or pooling that a rule knows"
    )


def test_nodes_without_weights_are_listed_where_a_pattern_begins():
    """The first pooling belongs to the convolution, the second one begins a pattern, the third one none."""
    made = chain()
    for x, y in (("c.d", "p"), ("p.d", "q"), ("q.d", "r")):
        made.node("MaxPool", [x], y, kernel_shape=[2, 2])
        if y != "r":
            made.bytes(y)
    found = find_candidates(ModelContext(made.model("r")), selector(RewriteOptions()))
    assert [(c.entry.site, c.entry.rule) for c in found] == [("p.q", "qdq_conv"), ("q.q", "qdq_pool")]


@pytest.mark.parametrize("options", [{"rules": "default", "lossless": True}, {"rules": "conv"}])
def test_a_layer_that_could_be_predicted_is_left_to_the_rules_that_predict(options):
    made = Net()
    x = made.input("x", [1, 4, 5, 5])
    made.node("Relu", [made.node("Add", [made.conv(x, "c", 4, 4, pads=[1] * 4), x], "s")], "r")
    made.conv("r", "y", 2, 4)
    assert entries(made, "y", **options) == [("r", "conv_add_relu", "dense"), ("y", "conv", "lossless")]


def test_a_selected_refusal_tells_more_than_an_unselected_match():
    made = net()
    made.node("Neg", ["r1"], "z")
    found = find_candidates(ModelContext(made.model("y", "z")), selector(RewriteOptions()))
    assert found[0].entry.rule == "conv_relu_pool"
    assert found[0].entry.reason == "'r1' is also read by Neg 'z_node'"


def test_site_names_are_unique():
    names = [site for site, _, _ in entries(two_convolutions(3, 1), "y", rules="all")]
    assert names == ["y", "b"]


def test_two_sites_cannot_share_a_node():
    """Both convolutions fit the pattern; whatever the rules decide, the Add is taken once."""
    for kernels in ((3, 1), (1, 3), (1, 1)):
        rules = sorted(rule for _, rule, _ in entries(two_convolutions(*kernels), "y", rules="all"))
        assert rules == ["conv", "conv_add_relu"]


def test_nothing_is_edited():
    model = ModelContext(net().model("y"))
    before = [(node.op, [t.name for t in node.inputs]) for node in model.graph.nodes]
    find_candidates(model, selector(RewriteOptions(rules="all")))
    assert [(node.op, [t.name for t in node.inputs]) for node in model.graph.nodes] == before


def test_plan_selects_by_site_and_rule():
    plan = Plan([SitePlan("r1", "conv_relu", "lossless"), SitePlan("y", "gemm_relu", "dense")])
    found = find_candidates(ModelContext(net().model("y")), plan_selector(plan))
    assert [c.match is not None for c in found] == [True, False, False]
    assert found[0].entry.site == "r1"


@pytest.mark.parametrize("step", ["pattern", "examine"])
def test_a_rule_that_stumbles_over_a_layer_refuses_it(monkeypatch, step):
    """The other layers are found as always."""
    real = getattr(ConvRelu, step)

    def stumble(self, *args):
        match_or_node = args[-1]
        node = getattr(match_or_node, "anchor", match_or_node)
        if node.name == "c2_node":
            raise KeyError("kernel_shape")
        return real(self, *args)

    monkeypatch.setattr(ConvRelu, step, stumble)
    found = find_candidates(
        ModelContext(net().model("y")), selector(RewriteOptions(rules="conv_relu,gemm_relu"))
    )
    (stumbled,) = [c.entry for c in found if c.entry.layer == "c2_node"]
    assert stumbled.choice == "dense"
    assert "Conv 'c2_node' has something that was not foreseen (KeyError: 'kernel_shape')" in stumbled.reason
    assert [c.entry.site for c in found if c.match is not None] == ["r1", "y"]
