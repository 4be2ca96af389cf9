"""The whole rewrite on small networks: options, control flow, what stays and what goes."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.measure.sessions import create_session
from spl_onnx.options import RewriteOptions
from spl_onnx.pipeline import rewrite_and_measure
from spl_onnx.report.build import plain_report
from spl_onnx.rewrite.edit.editor import Editor
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, assert_same, images, only, ops, rewritten


def net(opset: int = 17, ir_version: int = 8) -> Net:
    """A pooled convolution, a plain one, and a fully connected layer."""
    made = Net(opset, ir_version)
    made.conv(made.input("x", ["N", 3, 14, 14]), "c1", 4, 3)
    made.node("MaxPool", [made.node("Relu", ["c1"], "r1")], "p1", kernel_shape=[2, 2], strides=[2, 2])
    made.node("Relu", [made.conv("p1", "c2", 5, 4)], "r2")
    made.node("Flatten", ["r2"], "f")
    made.node("Relu", [made.node("Gemm", ["f", made.random("w", 80, 6), made.random("b", 6)], "g")], "y")
    return made


FEEDS = {"x": images(2, 3, 14, 14)}


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 20])
def test_opsets(opset):
    model = net(opset).model("y")
    result = rewritten(model)
    assert result.plan.counts() == {"conv_relu_pool": 1, "conv_relu": 1, "gemm_relu": 1}
    assert_same(model, result, FEEDS)


def test_a_rewritten_model_is_refused():
    with pytest.raises(ModelError, match=r"operator ai\.spl\..* already: .*rewrite the original instead"):
        rewritten(rewritten(net().model("y")).model)


@pytest.mark.parametrize("version", [1, 4])
def test_an_import_of_our_domain_alone_is_no_rewritten_model(version):
    """ONNX Runtime writes one into every model that it saves once the library was used in the process."""
    model = net().model("y")
    model.opset_import.add(domain="ai.spl.gemm", version=version)
    result = rewritten(model)
    assert [(o.version) for o in result.model.opset_import if o.domain == "ai.spl.gemm"] == [1]
    assert_same(model, result, FEEDS)


def test_shared_weights_stay_for_their_other_reader():
    made = net()
    made.node("Neg", ["c1.w"], "z")
    model = made.model("y", "z")
    result = rewritten(model)
    assert "c1.w" in {t.name for t in result.model.graph.initializer}
    assert_same(model, result, FEEDS)


def test_two_layers_with_the_same_weights():
    made = Net()
    made.input("x", [1, 3, 8, 8])
    made.random("w", 3, 3, 3, 3)
    made.node("Relu", [made.node("Conv", ["x", "w"], "a")], "ra")
    made.node("Relu", [made.node("Conv", ["ra", "w"], "b")], "y")
    model = made.model("y")
    result = rewritten(model)
    assert result.plan.counts() == {"conv_relu": 2}
    assert "w" not in {t.name for t in result.model.graph.initializer}
    assert_same(model, result, {"x": images(1, 3, 8, 8)})


def test_dynamic_dimensions_and_descriptions_stay():
    model = net().model("y")
    model.graph.value_info.append(helper.make_tensor_value_info("p1", 1, ["batch", 4, 6, 6]))
    model.graph.value_info.append(helper.make_tensor_value_info("r1", 1, ["batch", 4, 12, 12]))
    result = rewritten(model)
    assert result.model.graph.input == model.graph.input
    assert result.model.graph.output == model.graph.output
    announced = [value.name for value in result.model.graph.value_info]
    assert announced == ["p1/Y", "r2/Y"], "p1 is channels last inside now"
    result = rewritten(model, rules="conv_relu_pool")
    assert [value.name for value in result.model.graph.value_info] == ["p1", "p1/Y"]


def test_relu_of_an_outer_convolution_inside_a_branch():
    made = Net()
    made.conv(made.input("x", [1, 2, 6, 6]), "c", 3, 2)
    inner, other = Net(), Net()
    inner.node("Relu", ["c"], "t")
    other.node("Neg", ["x"], "e")
    cond = made.input("cond", [], TensorProto.BOOL)
    made.node("If", [cond], "y", then_branch=inner.graph("t"), else_branch=other.graph("e"))
    only(rewritten(made.model("y")), "conv")


def loop_model() -> onnx.ModelProto:
    """x = relu(conv(x)) three times; weights from outside."""
    body = Net()
    infos = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("v", 1, ["N", 3, "H", "W"]),
    ]
    body.node("Conv", ["v", "w", "b"], "c", pads=[1, 1, 1, 1])
    body.node("Relu", ["c"], "r")
    body.node("Identity", ["on"], "on_out")
    outputs = [helper.make_tensor_value_info("on_out", TensorProto.BOOL, [])]
    outputs.append(helper.make_tensor_value_info("r", 1, ["N", 3, "H", "W"]))
    graph = helper.make_graph(body.nodes, "body", infos, outputs)
    made = Net()
    made.input("x", ["N", 3, "H", "W"])
    made.const("w", (made.rng.standard_normal((3, 3, 3, 3)) / 5).astype(np.float32))
    made.const("b", np.ones(3, np.float32))
    made.node("Loop", [made.const("n", np.int64(3)), made.const("go", np.array(True)), "x"], "y", body=graph)
    model = made.model("y")
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", 1, ["N", 3, "H", "W"]))
    return model


def test_inside_loop():
    model = loop_model()
    result = rewritten(model)
    assert only(result, "conv_relu").site == "r"
    body = result.model.graph.node[0].attribute[0].g
    assert ops(body) == ["Identity", "SPLPredict", "SRMM", "Transpose", "Transpose"]
    assert {"r/W", "r/B"} <= {t.name for t in body.initializer}, (
        "constants are where the kernel can prepare them"
    )
    assert not {"w", "b"} & {t.name for t in result.model.graph.initializer}
    assert_same(model, result, {"x": images(2, 3, 6, 5)})


def test_sibling_branches_with_the_same_names():
    def branch(name: str, seed: int) -> onnx.GraphProto:
        made = Net(seed=seed)
        made.node("Relu", [made.conv("x", "c", 3, 2)], "out")
        return made.graph("out", name=name)

    made = Net()
    cond = made.input("cond", [], TensorProto.BOOL)
    made.input("x", [1, 2, 6, 6])
    made.node("If", [cond], "y", then_branch=branch("t", 1), else_branch=branch("e", 2))
    model = made.model("y")
    result = rewritten(model)
    sites = [site.site for site in result.plan.sites]
    assert sorted(sites) == ["y_node#0/else_branch/out", "y_node#0/then_branch/out"]
    for value in (True, False):
        assert_same(model, result, {"x": images(1, 2, 6, 6), "cond": np.array(value)})
    result.plan.sites[0].choice = "dense"
    again = rewrite_model(model, RewriteOptions(), plan=result.plan)
    assert [site.choice for site in again.plan.sites] == ["dense", "predict"]


def test_functions_of_the_model_are_kept_and_not_rewritten():
    body = [helper.make_node("Conv", ["a", "b"], ["c"]), helper.make_node("Relu", ["c"], ["d"])]
    function = helper.make_function("mine", "Block", ["a", "b"], ["d"], body, [helper.make_opsetid("", 17)])
    made = Net()
    made.node("Block", [made.input("x", [1, 3, 8, 8]), made.random("k", 3, 3, 3, 3)], "h", domain="mine")
    made.node("Relu", [made.conv("h", "c", 3, 3)], "y")
    graph = made.graph("y")
    graph.output[0].CopyFrom(helper.make_tensor_value_info("y", 1, [1, 3, 4, 4]))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8)
    result = rewritten(model)
    only(result, "conv_relu")
    assert result.model.functions[0] == function
    assert_same(model, result, {"x": images(1, 3, 8, 8)})


def test_constants_of_nodes_used_twice_stay():
    made = Net()
    weights = numpy_helper.from_array(made.rng.standard_normal((2, 3, 3, 3)).astype(np.float32), "k")
    made.node("Constant", [], "k", value=weights)
    made.node("Relu", [made.node("Conv", [made.input("x", [1, 3, 5, 5]), "k"], "c")], "y")
    made.node("Neg", ["k"], "z")
    model = made.model("y", "z")
    result = rewritten(model)
    assert "Constant" in ops(result.model)
    assert_same(model, result, {"x": images(1, 3, 5, 5)})


def test_lossless_has_no_selection():
    model = net().model("y")
    result = rewritten(model, lossless=True)
    assert "SPLPredict" not in ops(result.model)
    assert {site.choice for site in result.plan.sites} == {"lossless"}
    assert_same(model, result, FEEDS)


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({"rules": "default"}, {"conv_relu_pool": 1, "gemm_relu": 1}),
        ({"rules": "default,conv_relu"}, {"conv_relu_pool": 1, "conv_relu": 1, "gemm_relu": 1}),
        ({"rules": "conv_relu"}, {"conv_relu": 2}),
        ({"rules": ("conv_relu", "gemm_relu")}, {"conv_relu": 2, "gemm_relu": 1}),
        ({"rules": "all", "skip_rules": "conv_relu_pool, gemm_relu"}, {"conv_relu": 2}),
        ({"rules": "default", "skip_rules": "gemm_relu"}, {"conv_relu_pool": 1}),
    ],
)
def test_selection_of_rules(options, rules):
    assert rewritten(net().model("y"), **options).plan.counts() == rules


@pytest.mark.parametrize("flag", ["rules", "skip_rules"])
def test_unknown_rules_are_refused_with_the_known_ones(flag):
    with pytest.raises(
        UsageError, match=rf"--{flag.replace('_', '-')}: unknown rule conv_gelu; known are .*conv_add_relu"
    ):
        rewritten(net().model("y"), **{flag: "conv_gelu"})


def test_dry_run_decides_but_changes_nothing():
    model = net().model("y")
    result = rewritten(model, dry_run=True)
    assert result.model == model
    assert sum(result.plan.counts().values()) == 3


def test_plan_is_written_and_applied(tmp_path):
    model = net().model("y")
    path = tmp_path / "plan.json"
    first = rewritten(model)
    content = json.loads(first.plan.to_json())
    content["sites"][0]["choice"] = "lossless"
    content["sites"][1]["choice"] = "dense"
    content["sites"][2]["settings"] = {"predictor": "pruned", "keep": 0.5, "floor": 0.25}
    path.write_text(json.dumps(content))
    second = rewritten(model, plan=str(path))
    assert [site.choice for site in second.plan.sites] == ["lossless", "dense", "predict"]
    assert ops(second.model).count("SPLPredict") == 1
    floors = [
        a.f for n in second.model.graph.node if n.op_type == "SRMM" for a in n.attribute if a.name == "floor"
    ]
    assert floors == [0.0, 0.25]
    assert first.plan.sites[0].site == second.plan.sites[0].site == "p1"


@pytest.mark.parametrize(
    ("site", "rule", "text"), [("nowhere", "conv_relu", "no such site"), ("y", "conv_relu", "")]
)
def test_a_plan_that_does_not_fit_is_refused(site, rule, text):
    plan = Plan.from_json(
        json.dumps({"version": 1, "sites": [{"site": site, "rule": rule, "choice": "lossless"}]})
    )
    with pytest.raises(UsageError, match=f"site '{site}' cannot be rewritten by rule {rule}: {text}"):
        rewrite_model(net().model("y"), RewriteOptions(), plan=plan)


def test_report():
    result = rewrite_and_measure(net().model("y"), None, {"rules": "all"})
    report = json.loads(json.dumps(plain_report(result.report)))
    assert [site["name"] for site in report["sites"]] == ["p1", "r2", "y"]
    assert set(report["sites"][0]) >= {
        "name", "rule", "choice", "settings", "reason", "density", "zeros", "dense_ms", "now_ms",
    }  # fmt: skip
    assert report["rules"] == {"conv_relu_pool": 1, "conv_relu": 1, "gemm_relu": 1}
    assert report["versions"]["onnx"] == onnx.__version__
    assert report["verification"]["checker"] == "passed"


def test_a_wrong_site_is_left_dense_and_the_others_stay(monkeypatch):
    real = Editor.rewrite

    def wrong(self, candidates):
        model = real(self, candidates)
        for tensor in model.graph.initializer:
            if tensor.name == "p1/B":
                tensor.CopyFrom(
                    numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(0.01), tensor.name)
                )
        return model

    monkeypatch.setattr(Editor, "rewrite", wrong)
    model = net().model("y")
    assert ops(rewritten(model, no_verify=True).model).count("SRMM") == 3
    result = rewritten(model)
    assert [site.choice for site in result.plan.sites] == ["dense", "predict", "predict"]
    assert "with the library and all sites exact, differs by" in result.plan.sites[0].reason
    assert "1 site was left as in the original after a failed check: p1" in " ".join(result.report["notes"])
    assert result.plan.counts() == {"conv_relu": 1, "gemm_relu": 1}
    assert_same(model, result, FEEDS)


def test_layers_that_are_left_out():
    result = rewritten(net().model("y"), skip_layers="c1_node,g_node")
    assert {site.layer: site.reason for site in result.plan.sites if not site.is_rewritten} == {
        "c1_node": "left out (--skip-layers)",
        "g_node": "left out (--skip-layers)",
    }
    with pytest.raises(UsageError, match="--skip-layers: unknown layer c7; the model has c1_node, c2_node"):
        rewritten(net().model("y"), skip_layers=("c7",))


def test_every_site_in_8_bits_says_what_that_risks():
    """By default every rule, not only those that predict; nodes without weights stay exact."""
    made = net()
    made.conv("p1", "z", 2, 4)
    made.node("LRN", ["p1"], "n", size=3)
    result = rewrite_model(made.model("y", "z", "n"), RewriteOptions(precision="int8", skip_layers="c2_node"))
    found = {site.rule: site.choice for site in result.plan.sites if site.is_rewritten}
    wanted = {"conv_relu_pool": "int8", "gemm_relu": "int8", "conv": "int8", "lrn": "lossless"}
    assert found == wanted
    note = (
        "3 sites multiply in 8 bits, with ranges of the inputs found while it runs; what that loses was not"
    )
    assert any(note in line for line in result.report["notes"])
    again = rewrite_model(made.model("y", "z", "n"), RewriteOptions(), plan=result.plan)
    assert again.model.graph.SerializeToString() == result.model.graph.SerializeToString()
    assert not any("8 bits" in line for line in again.report["notes"])


def test_weights_are_stored_as_int8(plugin_path):
    """Those of sites in 8 bits; what the network gives stays the same."""
    made = net()
    options = {"precision": "int8", "rules": "conv_relu_pool,gemm_relu"}
    floats = rewrite_model(made.model("y"), RewriteOptions(**options))
    result = rewrite_model(made.model("y"), RewriteOptions(**options, weights="int8"))
    kinds = Counter(t.data_type for t in result.model.graph.initializer if t.name.endswith("/W"))
    assert kinds == {onnx.TensorProto.INT8: 2}
    assert result.plan == floats.plan
    assert not any("--weights" in line for line in result.report["notes"])
    got, want = (create_session(m, threads=1).run(None, FEEDS)[0] for m in (result.model, floats.model))
    np.testing.assert_array_equal(got, want)


def test_no_weights_to_store_as_int8():
    made = net().model("y")
    result = rewrite_model(made, RewriteOptions(precision="int8", rules="lrn", weights="int8"))
    note = "--weights int8 changed nothing: no site multiplies in 8 bits"
    assert result.report["notes"].count(note) == 1
    dry = rewrite_model(made, RewriteOptions(precision="int8", weights="int8", dry_run=True))
    assert dry.model.graph == made.graph


def test_no_site_in_8_bits_is_no_risk():
    result = rewrite_model(net().model("y"), RewriteOptions(precision="int8", rules="lrn"))
    assert not any("8 bits" in line for line in result.report["notes"])
