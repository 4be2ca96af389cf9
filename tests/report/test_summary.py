"""A model in a few numbers."""

from __future__ import annotations

from onnx import TensorProto, helper

from spl_onnx.options import RewriteOptions
from spl_onnx.report.plain import as_json
from spl_onnx.report.summary import summarise
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn


def test_an_original():
    model = small_cnn()
    summary = summarise(model)
    assert (summary.opset, summary.ir_version, summary.nodes) == (17, 8, 10)
    assert summary.operators["Conv"] == 2 and summary.operators["Relu"] == 3
    assert summary.weight_bytes == sum(len(t.raw_data) for t in model.graph.initializer)
    assert summary.signature == "input float32 [?, 3, 8, 8] -> logits float32 [?, 5]; opset 17"


def test_a_rewritten_model():
    summary = summarise(rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model)
    assert summary.operators["ai.spl.conv.SRMM"] == 2 and summary.operators["ai.spl.gemm.SPLPredict"] == 1
    assert as_json(summary)["operators"] == summary.operators


def test_nodes_of_branches_count():
    def branch(op):
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
        return helper.make_graph([helper.make_node(op, ["x"], ["y"])], op, [], [out])

    node = helper.make_node("If", ["c"], ["z"], then_branch=branch("Abs"), else_branch=branch("Neg"))
    values = {"x": TensorProto.FLOAT, "c": TensorProto.BOOL, "z": TensorProto.FLOAT}
    x, c, z = (helper.make_tensor_value_info(n, t, [1]) for n, t in values.items())
    summary = summarise(helper.make_model(helper.make_graph([node], "g", [x, c], [z])))
    assert summary.operators == {"If": 1, "Abs": 1, "Neg": 1} and summary.nodes == 3
