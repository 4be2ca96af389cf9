"""Conv [BatchNormalization] Relu|Clip(0,b)."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten


def net(act: str = "Relu", norm: bool = True, **attrs) -> Net:
    made = Net()
    value = made.conv(made.input("x", ["N", 4, 9, 11]), "c", 6, 4 // attrs.get("group", 1), **attrs)
    if norm:
        value = made.norm(value, "n", 6)
    bounds = [made.const("lo", np.float32(0)), made.const("hi", np.float32(1.5))] if act == "Clip" else []
    made.node(act, [value, *bounds], "y")
    return made


@pytest.mark.parametrize("act", ["Relu", "Clip"])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"strides": [2, 1], "pads": [1, 0, 2, 1]},
        {"dilations": [2, 3]},
        {"group": 2, "pads": [1, 1, 1, 1]},
    ],
)
def test_numbers(act, norm, attrs):
    model = net(act, norm, **attrs).model("y")
    result = rewritten(model)
    assert only(result, "conv_relu").site == "y"
    assert ops(result.model) == ["SPLPredict", "SRMM", "Transpose", "Transpose"]
    assert_same(model, result, {"x": images(3, 4, 9, 11)})


@pytest.mark.parametrize("shape", [(), (1,), (6, 1, 1), (1, 6, 1, 1)])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_arithmetic_with_constants_is_folded(op, shape):
    made = Net()
    value = made.norm(made.conv(made.input("x", ["N", 4, 7, 7]), "c", 6, 4), "n", 6)
    made.random("k", *shape)
    value = made.node(op, ["k", value] if op in ("Add", "Mul") else [value, "k"], "a")
    made.node("Relu", [made.node("Mul", [value, made.const("two", np.float32(-2))], "m")], "y")
    model = made.model("y")
    result = rewritten(model)
    only(result, "conv_relu")
    assert ops(result.model) == ["SPLPredict", "SRMM", "Transpose", "Transpose"]
    assert_same(model, result, {"x": images(2, 4, 7, 7)})


@pytest.mark.parametrize(("op", "order"), [("Sub", "kc"), ("Div", "kc"), ("Pow", "ck")])
def test_other_arithmetic_ends_the_pattern(op, order):
    made = Net()
    made.conv(made.input("x", [1, 4, 7, 7]), "c", 6, 4)
    made.const("k", np.float32(3))
    made.node("Relu", [made.node(op, list(order), "a")], "y")
    only(rewritten(made.model("y")), "conv")


@pytest.mark.parametrize("shape", [(5,), (1, 6, 5, 5), (6, 5, 5), (1, 1, 1, 1, 1)])
def test_refuses_constants_that_are_not_one_per_channel(shape):
    made = Net()
    made.conv(made.input("x", [1, 4, 7, 7]), "c", 6, 4)
    made.node("Relu", [made.node("Add", ["c", made.random("k", *shape)], "a")], "y")
    assert f"operand of Add 'a_node' has shape {list(shape)}, wanted one value" in reason(made.model("y"))


def test_weights_are_stored_channels_last_with_the_normalization_folded():
    result = rewritten(net(norm=False).model("y"))
    stored = {t.name: t for t in result.model.graph.initializer}
    assert list(stored["y/W"].dims) == [6, 3, 3, 4]
    assert {"y/B", "y/Wp", "y/Bp", "y/Wscale", "spl/zero_image"} <= set(stored)
    assert "c.w" not in stored, "weights that nobody reads any more are dropped"


def test_clip_sets_the_limits():
    result = rewritten(net("Clip").model("y"))
    srmm = next(node for node in result.model.graph.node if node.op_type == "SRMM")
    attrs = {a.name: a for a in srmm.attribute}
    assert (attrs["clip_min"].f, attrs["clip_max"].f) == (0.0, 1.5)


def test_not_in_the_default_set():
    assert "not selected" in reason(net().model("y"), rules="default")


def test_identity_and_idle_dropout_are_stepped_over():
    made = Net()
    value = made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)
    value = made.node("Identity", [value], "i")
    value = made.node("Dropout", [value], "d")
    made.node("Relu", [value], "y")
    model = made.model("y")
    result = rewritten(model)
    only(result, "conv_relu")
    assert_same(model, result, {"x": images(1, 2, 5, 5)})


def test_one_dimension():
    for opset in (11, 17):
        made = Net(opset)
        value = made.conv(made.input("x", ["N", 4, "L"]), "c", 6, 2, 3, group=2, strides=[2], pads=[2, 1])
        value = made.node("Relu", [value], "r")
        made.conv(value, "c2", 3, 6, 5)
        made.node("Relu", ["c2"], "y")
        model = made.model("y")
        result = rewritten(model)
        assert result.plan.counts() == {"conv_relu": 2}
        assert ops(result.model) == sorted(
            ["SPLPredict", "SRMM", "Transpose"] * 2 + ["Unsqueeze", "Squeeze"]
        ), "between the two layers no layout node is left"
        assert_same(model, result, {"x": images(2, 4, 30)})


@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize(("shape", "strides"), [((2, 3, 10, 7), [2, 3]), ((1, 3, 8, 8), [1, 1])])
def test_automatic_padding(pad, shape, strides):
    made = Net()
    free = strides == [1, 1]
    made.conv(
        made.input("x", ["N", 3, "H", "W"] if free else shape), "c", 4, 3, 4, 4, auto_pad=pad, strides=strides
    )
    made.node("Relu", ["c"], "y")
    model = made.model("y")
    result = rewritten(model)
    only(result, "conv_relu")
    assert_same(model, result, {"x": images(*shape)})


def test_inside_if():
    made = net()
    model = made.in_if("y")
    result = rewritten(model)
    only(result, "conv_relu")
    branch = result.model.graph.node[0].attribute
    assert sorted(len(a.g.node) for a in branch) == [1, 4]
    for cond in (True, False):
        assert_same(model, result, {"x": images(2, 4, 9, 11), "cond": np.array(cond)})


def test_refuses_depthwise():
    made = Net()
    made.conv(made.input("x", [1, 4, 8, 8]), "c", 8, 1, group=4)
    made.node("Relu", ["c"], "y")
    assert "depthwise" in reason(made.model("y"))


def test_refuses_three_dimensions():
    made = Net()
    made.conv(made.input("x", [1, 2, 5, 5, 5]), "c", 3, 2, 2, 2, 2)
    made.node("Relu", ["c"], "y")
    assert "3 spatial dimensions" in reason(made.model("y"))


def test_refuses_weights_that_can_change():
    made = net(norm=False)
    made.input("c.w", [6, 4, 3, 3])
    assert reason(made.model("y")).startswith("weights 'c.w' of Conv 'c_node' is not constant")


def test_refuses_a_value_that_others_read():
    made = net()
    made.node("Neg", ["n"], "z")
    assert reason(made.model("y", "z")) == "'n' is also read by Neg 'z_node'"


def test_refuses_a_value_that_is_an_output():
    assert reason(net().model("y", "n")) == "'n' is an output of the graph"


def test_refuses_a_value_that_an_inner_graph_reads():
    made = net()
    inner = Net()
    inner.node("Neg", ["c"], "then_out")
    other = Net()
    other.node("Abs", ["c"], "else_out")
    cond = made.const("cond", np.array(True))
    made.node("If", [cond], "z", then_branch=inner.graph("then_out"), else_branch=other.graph("else_out"))
    assert reason(made.model("y", "z")) in {
        f"'c' is also read by {inner}" for inner in ("Neg 'then_out_node'", "Abs 'else_out_node'")
    }


def test_refuses_float64():
    made = Net()
    made.input("x", [1, 2, 5, 5], TensorProto.DOUBLE)
    made.node("Conv", ["x", made.const("w", np.ones((3, 2, 3, 3)))], "c")
    made.node("Relu", ["c"], "y")
    assert "type float64, wanted float32" in reason(made.model("y"))


@pytest.mark.parametrize(
    ("bounds", "text"),
    [((-1.0, 6.0), "lower bound -1.0"), ((None, 6.0), "lower bound none"), ((0.0, 0.0), "upper bound 0.0")],
)
@pytest.mark.parametrize("opset", [7, 13])
def test_refuses_other_clips(bounds, text, opset):
    made = Net(opset)
    made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)
    if opset < 11:
        attrs = {key: value for key, value in zip(("min", "max"), bounds, strict=True) if value is not None}
        made.node("Clip", ["c"], "y", **attrs)
    else:
        names = ["" if v is None else made.const(n, np.float32(v)) for n, v in zip("lh", bounds, strict=True)]
        made.node("Clip", ["c", *names], "y")
    assert text in reason(made.model("y"))


def test_refuses_a_clip_bound_that_is_computed():
    made = Net()
    made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2)
    made.node("Clip", ["c", made.const("lo", np.float32(0)), made.input("hi", [])], "y")
    assert "bound 'hi' of Clip 'y_node' is not constant" in reason(made.model("y"))


def test_refuses_normalization_in_training():
    made = Net(15)
    made.norm(made.conv(made.input("x", [1, 2, 5, 5]), "c", 3, 2), "n", 3)
    made.nodes[-1].attribute.append(helper.make_attribute("training_mode", 1))
    made.nodes[-1].output.extend(["m", "v"])
    made.node("Relu", ["n"], "y")
    assert "training mode" in reason(made.model("y"), no_verify=True)


def test_refuses_unknown_size_with_automatic_padding():
    made = Net()
    made.conv(made.input("x", [1, 2, "H", 8]), "c", 3, 2, auto_pad="SAME_UPPER", strides=[2, 2])
    made.node("Relu", ["c"], "y")
    assert "input size is not known" in reason(made.model("y"))
