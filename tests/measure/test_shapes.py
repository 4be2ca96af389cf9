"""Shapes for one sample, without weights."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.data.inputs import input_specs
from spl_onnx.errors import ModelError
from spl_onnx.measure.shapes import element_types, infer_shapes, single_sample_shapes
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn


def test_a_free_batch_becomes_one():
    assert single_sample_shapes(input_specs(small_cnn())) == {"input": (1, 3, 8, 8)}
    assert single_sample_shapes(input_specs(small_cnn(batch=4))) == {"input": (4, 3, 8, 8)}


def test_other_free_dimensions_come_from_the_user_or_the_data():
    specs = input_specs(small_cnn(size="S"))
    assert single_sample_shapes(specs) == {"input": None}
    assert single_sample_shapes(specs, {"input": (2, 3, 6, 6)}) == {"input": (2, 3, 6, 6)}
    assert single_sample_shapes(specs, None, {"input": (7, 3, 16, 12)}) == {"input": (1, 3, 16, 12)}


def test_shapes_of_all_tensors_and_weights():
    model = small_cnn()
    before = model.SerializeToString()
    shapes = infer_shapes(model, {"input": (1, 3, 8, 8)})
    assert shapes["pooled"] == (1, 8, 4, 4) and shapes["logits"] == (1, 5) and shapes["w1"] == (8, 3, 3, 3)
    assert model.SerializeToString() == before


def test_unknown_shapes_are_left_out():
    shapes = infer_shapes(small_cnn(size="S"), {"input": None})
    assert "pooled" not in shapes and shapes["w2"] == (16, 8, 3, 3)


def test_shapes_behind_our_operators():
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model
    shapes = infer_shapes(model, {"input": (1, 3, 8, 8)})
    assert shapes["second/Y"] == (1, 4, 4, 16) and shapes["hidden"] == (1, 12)


def test_what_onnx_refuses_is_an_error_of_the_model():
    """onnx has errors of several kinds: two functions of one name are none of its InferenceError."""
    model = small_cnn()
    for _ in range(2):
        model.functions.add()
    with pytest.raises(ModelError, match="the shape inference of onnx refuses this model"):
        infer_shapes(model, {"input": (1, 3, 8, 8)})
    with pytest.raises(ModelError, match="refuses"):
        element_types(model)


def test_small_constants_are_seen_and_large_ones_are_not_needed():
    target = numpy_helper.from_array(np.array([1, -1], np.int64), "target")
    big = numpy_helper.from_array(np.zeros((100, 100), np.float32), "big")
    nodes = [
        helper.make_node("MatMul", ["x", "big"], ["m"]),
        helper.make_node("Reshape", ["m", "target"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 100]) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [target, big])
    shapes = infer_shapes(helper.make_model(graph), {"x": (2, 100)})
    assert shapes["m"] == (2, 100) and shapes["y"] == (1, 200)


def test_element_types_of_all_tensors():
    """Of inputs, weights and what nodes make, ours included; nothing is run and no shape is needed."""
    model = small_cnn(size="S")
    graph = model.graph
    graph.node.append(helper.make_node("ArgMax", ["logits"], ["class"], axis=1))
    graph.node.append(helper.make_node("Greater", ["logits", "b4"], ["above"]))
    graph.output.append(helper.make_tensor_value_info("class", TensorProto.INT64, None))
    for made in (model, rewrite_model(model, RewriteOptions(rules="all", no_verify=True)).model):
        before = made.SerializeToString()
        types = element_types(made)
        assert types["input"] == types["logits"] == types["b4"] == TensorProto.FLOAT
        assert (types["class"], types["above"]) == (TensorProto.INT64, TensorProto.BOOL)
        names = {name for node in made.graph.node for name in node.output}
        assert names <= set(types) and made.SerializeToString() == before
    kinds = {node.op_type: types[node.output[0]] for node in made.graph.node}
    assert (kinds["SPLPredict"], kinds["SRMM"]) == (TensorProto.UINT8, TensorProto.FLOAT)


def test_types_that_cannot_be_known_are_left_out():
    model = small_cnn()
    model.graph.node.append(helper.make_node("SequenceConstruct", ["logits"], ["list"]))
    model.graph.node.append(helper.make_node("Mystery", ["logits"], ["riddle"], domain="elsewhere"))
    model.opset_import.append(helper.make_opsetid("elsewhere", 1))
    assert {"list", "riddle"} & set(element_types(model)) == set()
