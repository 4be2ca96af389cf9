"""The nodes of one site."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling, predict_attributes, srmm_attributes
from spl_onnx.spec.reference_ops import reference_ops
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, assert_same, rewritten
from tests.test_steps import FEEDS, net


def test_names_are_unique_even_if_the_model_uses_ours():
    made = net()
    made.node("Neg", [made.random("y/W", 3)], "y/srmm")
    made.node("Neg", [made.random("spl/zero_matrix", 3)], "p1/nhwc")
    model = made.model("y", "y/srmm", "p1/nhwc")
    result = rewritten(model)
    assert {"y/W_2", "spl/zero_matrix_2"} <= {t.name for t in result.model.graph.initializer}
    names = [node.name for node in result.model.graph.node]
    assert len(set(names)) == len(names)
    assert_same(model, result, FEEDS)


@pytest.mark.parametrize("lossless", [False, True])
def test_a_matrix_lies_as_it_is_read(lossless):
    """Rows of outputs where these are selected, rows of inputs where zeros among them are skipped."""
    result = rewritten(net().model("y"), lossless=lossless)
    node = next(n for n in result.model.graph.node if n.name == "y/srmm")
    w = next(numpy_helper.to_array(t) for t in result.model.graph.initializer if t.name == node.input[1])
    perm = next(a.ints for a in node.attribute if a.name == "w_perm")
    original = next(numpy_helper.to_array(t) for t in net().initializers if t.name == "w")
    np.testing.assert_array_equal(w.transpose(perm), original)
    assert (w.shape == original.shape) == lossless


def test_a_selection_has_no_description():
    """In the fallback it is a constant of another shape."""
    result = rewritten(net().model("y"))
    described = {value.name for value in result.model.graph.value_info}
    selections = {node.output[0] for node in result.model.graph.node if node.op_type == "SPLPredict"}
    assert selections
    assert not described & selections


def test_what_the_operators_give_has_a_rank():
    """Readers in ONNX Runtime need it, and the library may not know all sizes."""
    made = net()
    made.node("Neg", ["y"], "z")
    described = rewritten(made.model("z")).model.graph.value_info
    shapes = {
        value.name: [dim.dim_value or None for dim in value.type.tensor_type.shape.dim] for value in described
    }
    assert shapes["p1/Y"] == [None, None, None, 4]
    assert shapes["y"] == [None, 6]


def parts(lossless: bool = False) -> tuple[dict, dict]:
    result = rewritten(net().model("y"), lossless=lossless)
    nodes = {node.name: node for node in result.model.graph.node}
    return nodes, {t.name: numpy_helper.to_array(t) for t in result.model.graph.initializer}


def attributes(node) -> dict:
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def test_names_and_inputs():
    nodes, _ = parts()
    predict, srmm = nodes["p1/spl_predict"], nodes["p1/srmm"]
    assert list(predict.input) == ["p1/nhwc", "p1/Wp", "p1/Bp", "p1/Wscale", "", "spl/zero_image"]
    assert list(srmm.input) == ["p1/nhwc", "p1/W", "p1/B", predict.output[0], "spl/zero_image", "", ""]
    assert (predict.domain, nodes["y/srmm"].domain) == ("ai.spl.conv", "ai.spl.gemm")
    assert nodes["p1/to_nhwc"].op_type == nodes["r2/to_nchw"].op_type == "Transpose"


def test_every_attribute_is_written():
    nodes, _ = parts()
    geometry, pooling = ConvGeometry(), Pooling((2, 2), (2, 2))
    assert attributes(nodes["p1/spl_predict"]) == predict_attributes(geometry, pooling)
    assert attributes(nodes["p1/srmm"]) == srmm_attributes(geometry, pooling, Activation.relu())
    assert attributes(nodes["y/srmm"]) == srmm_attributes(None, None, Activation.relu())


def test_zero_residuals_are_shared_and_of_the_agreed_shape():
    nodes, stored = parts()
    assert stored["spl/zero_image"].shape == (1, 1, 1, 1)
    assert stored["spl/zero_matrix"].shape == (1,)
    assert not stored["spl/zero_image"].any()
    assert nodes["r2/srmm"].input[4] == nodes["p1/srmm"].input[4]


def test_without_prediction_the_selection_is_an_empty_name():
    nodes, stored = parts(lossless=True)
    assert nodes["p1/srmm"].input[3] == ""
    assert "p1/Wp" not in stored


@pytest.mark.parametrize("bias", [False, True])
def test_a_bias_is_always_written(bias):
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2, bias=bias)], "y")
    result = rewritten(made.model("y"))
    stored = {t.name: numpy_helper.to_array(t) for t in result.model.graph.initializer}["y/B"]
    assert stored.shape == (3,)
    assert bool(np.any(stored)) == bias


def test_products_in_8_bits_and_the_range_of_their_input():
    """The bits of the library are those of the specification."""
    model = net().model("y")
    plan = rewritten(model, precision="int8", no_verify=True).plan
    for site in plan.sites:
        assert (site.choice, site.settings) == ("int8", SiteSettings(precision="int8"))
    plan.sites[1].settings = SiteSettings(precision="int8", xscale=(0.0625, 3))
    made = rewrite_model(model, RewriteOptions(no_verify=True), plan).model
    nodes = {node.name: node for node in made.graph.node}
    assert {attributes(nodes[f"{name}/srmm"])["precision"] for name in ("p1", "r2", "y")} == {"int8"}
    assert [nodes[f"{name}/srmm"].input[6] for name in ("p1", "r2", "y")] == ["", "r2/Xscale", ""]
    stored = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    assert stored["r2/Xscale"].tolist() == [0.0625, 3.0] and stored["r2/Xscale"].dtype == np.float32
    expected = ReferenceEvaluator(made, new_ops=reference_ops()).run(None, FEEDS)[0]
    session = create_session(made)
    np.testing.assert_array_equal(run(session, FEEDS)[0], expected)


def test_the_range_of_a_predictor_is_not_that_of_its_layer():
    model = net().model("y")
    plan = rewritten(model, no_verify=True).plan
    plan.sites[0].settings = SiteSettings("int8", xscale=(0.5, 0))
    nodes = {n.name: n for n in rewrite_model(model, RewriteOptions(no_verify=True), plan).model.graph.node}
    assert nodes["p1/spl_predict"].input[4] == "p1/Xscale" and nodes["p1/srmm"].input[6] == ""
    assert attributes(nodes["p1/srmm"])["precision"] == "float32"
