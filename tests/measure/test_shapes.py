"""Shapes for one sample, without weights."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.data.inputs import input_specs
from spl_onnx.measure.shapes import infer_shapes, single_sample_shapes
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.rewriter import rewrite_model
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
