"""Nodes with float32 weights beside nodes with int8 weights."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.rewrite.edit.weight_scales import has_weight_scale, scale_all_weights
from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, QSRMM, SRMM


def model(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    taken = numpy_helper.from_array(np.zeros(1, np.float32), "spl/no_scale")
    return helper.make_model(helper.make_graph(nodes, "g", info[:1], info[1:], [taken]))


def node(op: str, domain: str, *inputs: str) -> onnx.NodeProto:
    return helper.make_node(op, ["x", "w", *inputs], ["y"], domain=domain)


def test_all_nodes_of_an_operator_have_a_scale_or_none() -> None:
    scaled = node(SRMM, DOMAIN_CONV, "", "", "", "", "", "scale")
    bare, short = node(SRMM, DOMAIN_CONV, "", "", "r", "", ""), node(SRMM, DOMAIN_CONV)
    matrix, of_bytes = node(SRMM, DOMAIN_GEMM), node(QSRMM, DOMAIN_CONV, *["n"] * 7)
    made = model(scaled, bare, short, matrix, of_bytes)
    assert scale_all_weights(made) == {(DOMAIN_CONV, SRMM)}
    got = [list(n.input) for n in made.graph.node]
    assert got[0] == list(scaled.input)
    assert got[1] == ["x", "w", "", "", "r", "", "", "spl/no_scale_2"]
    assert got[2] == ["x", "w", "", "", "", "", "", "spl/no_scale_2"]
    assert got[3:] == [list(matrix.input), list(of_bytes.input)]
    one = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}["spl/no_scale_2"]
    assert one.dtype == np.float32 and one.tolist() == [1]
    assert scale_all_weights(made) == {(DOMAIN_CONV, SRMM)}
    assert [list(n.input) for n in made.graph.node] == got


def test_a_model_without_scales_is_left_alone() -> None:
    made = model(node(SRMM, DOMAIN_CONV), node(QSRMM, DOMAIN_CONV, *["n"] * 7))
    before = made.SerializeToString()
    assert scale_all_weights(made) == set()
    assert made.SerializeToString() == before


def test_the_last_input_is_that_scale() -> None:
    assert has_weight_scale(node(QSRMM, DOMAIN_CONV, *["n"] * 8))
    assert not has_weight_scale(node(QSRMM, DOMAIN_CONV, *["n"] * 7, ""))
    assert not has_weight_scale(node(QSRMM, DOMAIN_CONV, *["n"] * 6))
