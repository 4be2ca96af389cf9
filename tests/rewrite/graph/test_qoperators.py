"""Operators on bytes in the form that rules know, and back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from spl_onnx.measure.sessions import create_session
from spl_onnx.rewrite.graph.qoperators import expand, restore
from tests.quantised import quantised
from tests.rewrite.builders import Net, images, ops, rewritten

X = images(8, 3, 12, 12)


def network(seed: int = 0) -> onnx.ModelProto:
    """All that ONNX Runtime has operators on bytes for: a residual, branches, pooling, a matrix."""
    made = Net(seed=seed)
    made.input("x", [1, 3, 12, 12])
    made.node("Relu", [made.conv("x", "a", 8, 3, pads=[1] * 4)], "ar")
    made.node("MaxPool", ["ar"], "p", kernel_shape=[2, 2], strides=[2, 2])
    made.node("Add", [made.conv("p", "c", 8, 8, pads=[1] * 4), "p"], "s")
    made.node("Relu", ["s"], "r")
    for name, size in (("e", 1), ("f", 3)):
        made.node("Relu", [made.conv("r", name, 8, 8, size, size, pads=[size // 2] * 4)], f"{name}r")
    made.node("Concat", ["er", "fr"], "j", axis=1)
    made.node("Flatten", [made.node("GlobalAveragePool", ["j"], "g")], "v")
    made.node(
        "MatMul",
        [
            made.node("Gemm", ["v", made.random("w", 16, 24), made.random("b", 24)], "q"),
            made.random("m", 24, 9),
        ],
        "y",
    )
    return made.model("y")


def qoperators(**options) -> onnx.ModelProto:
    return quantised(network(), X, form="QOperator", **options)


def outputs(model: onnx.ModelProto) -> np.ndarray:
    session = create_session(model, threads=1, plugin=False)
    return np.concatenate([session.run(None, {"x": x[None]})[0] for x in X])


@pytest.mark.parametrize("per_channel", [True, False])
def test_both_forms_say_the_same(per_channel):
    model = qoperators(per_channel=per_channel)
    before = model.SerializeToString(deterministic=True)
    made, expansions = expand(model)
    assert {e.original.op_type for e in expansions} == {
        *("QLinearConv", "QLinearAdd", "QLinearConcat", "QLinearGlobalAveragePool", "QGemm"),
        *("MaxPool", "QLinearMatMul"),
    }
    assert set(ops(made)) <= {
        *("Add", "Concat", "Conv", "DequantizeLinear", "Flatten", "Gemm", "GlobalAveragePool"),
        *("MatMul", "MaxPool", "QuantizeLinear"),
    }
    onnx.checker.check_model(made, full_check=True)
    expected = outputs(model)
    step = max(expected.max() - expected.min(), 0) / 255
    assert np.abs(outputs(made) - expected).max() <= 3 * step, "ONNX Runtime may fuse them otherwise"
    assert model.SerializeToString(deterministic=True) == before, "the model is not changed"


def test_what_nothing_happened_to_is_put_back():
    model = qoperators()
    made, expansions = expand(model)
    restore(made.graph, expansions)
    assert made == model


def test_what_something_happened_to_is_not():
    made, expansions = expand(qoperators())
    number = next(i for i, node in enumerate(made.graph.node) if node.op_type == "Concat")
    made.graph.node[number].op_type = "Max"
    restore(made.graph, expansions)
    assert "QLinearConcat" not in ops(made) and "Max" in ops(made)
    assert ops(made).count("QLinearConv") == 4


def test_floats_that_are_read_are_not_taken_away():
    made, expansions = expand(qoperators())
    layer = next(node for node in made.graph.node if node.op_type == "Add").output[0]
    made.graph.node.append(onnx.helper.make_node("Neg", [layer], ["other"], "other_node"))
    restore(made.graph, expansions)
    assert "QLinearAdd" not in ops(made) and "Add" in ops(made)


def test_float_models_are_themselves():
    model = network()
    assert expand(model) == (model, [])
    assert expand(model)[0] is model


def test_scales_of_bias_are_products():
    model = qoperators()
    made, _ = expand(model)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    node = next(node for node in model.graph.node if node.op_type == "QLinearConv")
    bias = next(n for n in made.graph.node if n.op_type == "DequantizeLinear" and n.input[0] == node.input[8])
    assert np.array_equal(constants[bias.input[1]], constants[node.input[1]] * constants[node.input[4]])


def test_a_scale_that_may_change_stays():
    model = qoperators()
    node = next(node for node in model.graph.node if node.op_type == "QLinearConv")
    model.graph.input.append(onnx.helper.make_tensor_value_info("scale", 1, []))
    node.input[1] = "scale"
    assert node in [n for n in expand(model)[0].graph.node if n.op_type == "QLinearConv"]


def test_rewritten(plugin_path):
    """Every layer, as from the other form."""
    counts = [
        rewritten(quantised(network(), X, form=form), rules="default").plan.counts()
        for form in ("QOperator", "QDQ")
    ]
    assert counts[0] == counts[1] == {"qdq_conv": 1, "qdq_conv_add": 1, "qdq_conv_concat": 2, "qdq_gemm": 2}


def test_layers_that_are_left_out_are_as_they_were():
    model = qoperators()
    result = rewritten(model, rules="default", skip_rules="qdq_gemm,qdq_conv_concat,qdq_conv_add,qdq_pool")
    kept = {node.name: node for node in result.model.graph.node}
    left = [node for node in model.graph.node if node.op_type in ("QGemm", "QLinearMatMul")]
    assert len(left) == 2 and all(kept[node.name] == node for node in left)


def test_nothing_is_left_of_what_was_added():
    """Neither constants nor names."""
    model = qoperators()
    result = rewritten(model, rules="lrn")
    assert result.plan.counts() == {}
    assert result.model.graph == model.graph
