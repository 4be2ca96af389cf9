"""Replacing nodes: what goes, what stays, and where the new nodes are."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.errors import UsageError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.spec.attributes import QUANTIZE
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, assert_same, images, ops, rewritten
from tests.test_steps import net


def test_new_nodes_stand_where_the_last_old_one_stood():
    """The residual is computed after the convolution, so the site may only start there."""
    made = Net()
    made.conv(made.input("x", [1, 4, 6, 6]), "c", 4, 4, pads=[1, 1, 1, 1])
    made.node("Neg", ["x"], "n")
    made.node("Sigmoid", ["n"], "r")
    made.node("Relu", [made.node("Add", ["c", "r"], "s")], "y")
    made.node("Abs", ["y"], "z")
    model = made.model("z")
    result = rewritten(model)
    order = [node.op_type for node in result.model.graph.node]
    assert order.index("Sigmoid") < order.index("SPLPredict") < order.index("Abs")
    assert_same(model, result, {"x": images(1, 4, 6, 6)})


def test_initializers_go_only_when_nobody_reads_them():
    made = net()
    made.const("unused", np.float32([1]))
    result = rewritten(made.model("y"), rules="gemm_relu")
    names = {t.name for t in result.model.graph.initializer}
    assert "w" not in names, "only the replaced Gemm read it"
    assert {"c1.w", "c2.w"} <= names, "other layers keep theirs"
    assert "unused" in names, "nobody read it before either: not our business"


def test_constant_nodes_go_with_their_only_reader():
    made = Net()
    for name, value in (("lo", 0.0), ("hi", 6.0)):
        made.node("Constant", [], name, value=numpy_helper.from_array(np.float32(value)))
    made.node("Clip", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2), "lo", "hi"], "y")
    made.node("Add", ["hi", "hi"], "z")
    result = rewritten(made.model("y", "z"))
    assert ops(result.model).count("Constant") == 1


def test_a_shift_is_known_to_the_library_alone(plugin_path):
    """With the library the layer has the shifted bias; its dense body is the original."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [2, 3, 7, 7]), "c", 5, 3, pads=[1, 1, 1, 1])], "y")
    model = made.model("y")
    shift = np.array([0.5, -0.25, 0.0, 1.0, -2.0], np.float32)
    plan = rewritten(model, rules="all").plan
    plan.sites[0].choice, plan.sites[0].settings = "truncate", SiteSettings(shift=shift.tolist())
    result = rewrite_model(model, RewriteOptions(rules="all"), plan)
    x = {"x": images(2, 3, 7, 7)}
    sums = model.graph.output.add()
    sums.CopyFrom(helper.make_tensor_value_info("c", TensorProto.FLOAT, None))
    exact, before = run(create_session(model), x)
    with_library = run(create_session(result.model), x)[0]
    without = run(create_session(result.model, plugin=False), x)[0]
    # 27 products and two sums of values up to a few units, each rounded to float32.
    tolerance = 32 * np.finfo(np.float32).eps * (np.abs(before).max() + 2)
    np.testing.assert_allclose(with_library, np.maximum(before + shift[:, None, None], 0), atol=tolerance)
    np.testing.assert_allclose(without, exact, atol=tolerance)


@pytest.mark.parametrize(
    ("choice", "settings"), [("predict", SiteSettings("int8")), ("truncate", SiteSettings(floor=1.0))]
)
def test_a_layer_without_activation_may_be_shifted_and_no_more(choice, settings):
    made = Net()
    made.conv(made.input("x", [1, 3, 5, 5]), "y", 4, 3)
    model = made.model("y")
    plan = rewritten(model, rules="all").plan
    plan.sites[0].choice, plan.sites[0].settings = "truncate", SiteSettings(shift=[0.5] * 4)
    node = next(n for n in rewrite_model(model, plan=plan).model.graph.node if n.op_type == "SRMM")
    assert node.input[5] == "y/Bs"
    plan.sites[0].choice, plan.sites[0].settings = choice, settings
    with pytest.raises(UsageError, match="rule conv predicts nothing"):
        rewrite_model(model, plan=plan)


@pytest.mark.parametrize(("opset", "made"), [(12, [QUANTIZE, "QSRMM", "QSRMM"]), (11, ["SRMM", "SRMM"])])
def test_sites_with_codes_pass_bytes_where_the_opset_has_them(opset, made):
    built = Net(opset=opset)
    built.node("Relu", [built.conv(built.input("x", [1, 8, 8, 8]), "c", 8, 8)], "a")
    built.node("Relu", [built.conv("a", "d", 8, 8)], "b")
    options = RewriteOptions(precision="int8", no_verify=True)
    plan = rewrite_model(built.model("b"), options).plan
    for entry, precision in zip(plan.sites, ("int8", "int8_winograd"), strict=True):
        entry.settings = SiteSettings(precision=precision, xscale=(0.2, 100.0), yscale=(0.2, 100.0))
    result = rewrite_model(built.model("b"), options, plan)
    assert [node.op_type for node in result.model.graph.node if node.domain] == made
    assert {function.name for function in result.model.functions} == set(made)
    assert np.isfinite(run(create_session(result.model, plugin=False), {"x": images(1, 8, 8, 8)})[0]).all()
