"""Whether a model is valid."""

from __future__ import annotations

from spl_onnx.rewrite.verification.checker import problem_of
from tests.rewrite.verification.networks import plain


def test_a_valid_model():
    model = plain()
    assert problem_of(model, model.SerializeToString()) == ""


def test_a_node_that_reads_nothing_known():
    model = plain()
    model.graph.node[0].input[0] = "nowhere"
    assert "nowhere" in problem_of(model, model.SerializeToString())


def test_shapes_that_contradict_each_other():
    model = plain()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 9
    assert problem_of(model, model.SerializeToString())


def test_by_path(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(plain().SerializeToString())
    assert problem_of(plain(), str(path)) == ""
