"""The list of rules and the selection by name."""

from __future__ import annotations

import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.rules.registry import RULES, rule_names, selector
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.test_conv_add_relu import net


def test_names():
    assert set(rule_names()) == {
        "conv",
        "conv_relu",
        "conv_relu_pool",
        "conv_pool",
        "conv_add",
        "conv_add_relu",
        "conv_relu_concat_pool",
        "depthwise",
        "gemm_relu",
        "matmul_relu",
        "lrn",
        "qdq_conv",
        "qdq_conv_add",
        "qdq_conv_concat",
        "qdq_gemm",
        "qdq_pool",
    }


def selected(**options) -> set[str]:
    scope = scope_of(net(), "y")
    rule = next(rule for rule in RULES if rule.name == "conv_add_relu")
    (match,) = rule.pattern(scope, node_of(scope, "c"))
    chosen = selector(RewriteOptions(**options))
    return {rule.name for rule in RULES if chosen(rule, match)}


def test_default():
    assert selected() == {"conv_relu_pool", "conv_pool", "conv_relu_concat_pool", "gemm_relu", "matmul_relu"}


@pytest.mark.parametrize(
    "names", ["conv_relu,gemm_relu", ("conv_relu", "gemm_relu"), " gemm_relu , conv_relu"]
)
def test_names_in_every_form(names):
    assert selected(rules=names) == {"conv_relu", "gemm_relu"}


def test_all_but_some():
    assert selected(rules="all", skip_rules="conv_relu") == set(rule_names()) - {"conv_relu"}


def test_unknown_names_list_the_known_ones():
    with pytest.raises(
        UsageError, match=r"--rules: unknown rule a, b; known are default, all, conv_relu_pool"
    ):
        selector(RewriteOptions(rules="b,a,conv_relu"))
    with pytest.raises(UsageError, match=r"--skip-rules: unknown rule all; known are conv_relu_pool"):
        selector(RewriteOptions(skip_rules="all"))
