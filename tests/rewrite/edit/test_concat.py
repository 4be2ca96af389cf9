"""Moving a MaxPool above its Concat."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.edit.concat import join_pooled
from spl_onnx.rewrite.graph.context import ModelContext
from spl_onnx.rewrite.rules.registry import selector
from spl_onnx.rewrite.sites.candidates import find_candidates
from tests.rewrite.rules.test_conv_relu_concat_pool import net


def joined(extra: str = "") -> tuple[list[gs.Node], gs.Tensor]:
    model = ModelContext(net(extra=extra).model("y"))
    match = find_candidates(model, selector(RewriteOptions()))[0].match
    pooled = gs.Variable("a/pooled")
    nodes = join_pooled(match, {"a": pooled})
    assert all(not node.inputs and not node.outputs for node in match.behind)
    return nodes, pooled


def test_branches_keep_their_order_and_the_output_its_tensor():
    nodes, pooled = joined()
    concat = nodes[-1]
    assert [t.name for t in concat.inputs] == ["a/pooled", "plain/pooled", "b/pooled"]
    assert concat.inputs[0] is pooled
    assert (concat.op, concat.attrs["axis"], concat.outputs[0].name) == ("Concat", 1, "y")


def test_other_branches_get_the_same_window():
    nodes, _ = joined()
    assert [node.op for node in nodes] == ["MaxPool", "MaxPool", "Concat"]
    assert all(
        node.attrs == {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1} for node in nodes[:2]
    )


def test_a_branch_joined_twice_is_pooled_once():
    nodes, _ = joined(extra="plain")
    assert [node.inputs[0].name for node in nodes[:-1]] == ["plain", "b"]
    assert [t.name for t in nodes[-1].inputs] == ["a/pooled", "plain/pooled", "b/pooled", "plain/pooled"]
