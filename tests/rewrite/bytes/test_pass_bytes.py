"""Sites that hand each other bytes: which nodes there are, and what they compute."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from spl_onnx.rewrite.bytes.choose import choose_codes
from spl_onnx.rewrite.bytes.pass_bytes import pass_bytes
from spl_onnx.rewrite.bytes.sites import SiteCodes
from spl_onnx.spec.attributes import (
    FLOAT32,
    GLOBAL_AVERAGE,
    INT8_WINOGRAD,
    LRN,
    MAX_POOL,
    Q_GLOBAL_AVERAGE,
    Q_LRN,
    Q_MAX_POOL,
    QSRMM,
    QUANTIZE,
    SRMM,
)
from spl_onnx.spec.reference import reference_ops
from tests.rewrite.builders import TOLERANCE
from tests.rewrite.bytes.layers import Layers, copy_of, images, operators, passing, precise, ranges_of, run

Q, DQ = "QuantizeLinear", "DequantizeLinear"


def chain() -> onnx.ModelProto:
    net = Layers()
    return net.model(net.site(net.site(net.site("x", "a"), "b", INT8_WINOGRAD), "c"))


def shared() -> onnx.ModelProto:
    """`a` is read by a site, a float operator and a float site."""
    net = Layers()
    net.site("x", "a")
    net.site("a", "b")
    net.site("a", "c", FLOAT32)
    net.node("Sigmoid", ["a"], "d")
    return net.model("b", "c", "d")


def output_between() -> onnx.ModelProto:
    net = Layers()
    net.site("x", "a")
    return net.model("a", net.site("a", "b"))


def inception() -> onnx.ModelProto:
    """A Concat of two sites and of pooling of what they read, read by a site."""
    net = Layers()
    net.site("x", "a")
    net.node("Concat", [net.site("a", "b"), net.site("a", "c"), net.pool("a", "p")], "all", axis=3)
    return net.model(net.site("all", "d", inputs=24))


def mixed_concat() -> onnx.ModelProto:
    """A Concat of a site and of floats."""
    net = Layers()
    net.node("Concat", [net.site("x", "a"), net.node("Tanh", ["x"], "t")], "all", axis=3)
    return net.model(net.site("all", "b", inputs=16))


def float_concat() -> onnx.ModelProto:
    """A Concat of sites that hand on bytes, itself read as floats."""
    net = Layers()
    net.site("x", "a")
    net.node("Concat", [net.site("a", "b"), net.site("a", "c")], "all", axis=-1)
    return net.model(net.node("Sigmoid", ["all"], "s"))


def pooled_floats() -> onnx.ModelProto:
    """Floats that sites read as they are and pooled."""
    net = Layers()
    net.pool(net.node("Tanh", ["x"], "t"), "p")
    net.site("t", "a")
    net.site("p", "b")
    return net.model(net.site("a", "c", r="b"))


def residual() -> onnx.ModelProto:
    net = Layers()
    net.site("x", "a")
    net.site(net.site("a", "b"), "c", r="a")
    return net.model(net.site("c", "d", r="x"))


def image_input() -> onnx.ModelProto:
    """Images that ONNX has as planes, read by two sites, one of them behind a float operator."""
    net = Layers()
    planes = net.node("Transpose", ["x"], "planes", perm=[0, 3, 1, 2])
    net.site(net.node("Transpose", [planes], "image", perm=[0, 2, 3, 1]), "a")
    net.site(net.node("Transpose", [net.node("Abs", [planes], "abs")], "other", perm=[0, 2, 3, 1]), "b")
    return net.model(net.site("a", "c", r="b"))


def image_for_all() -> onnx.ModelProto:
    """The Transpose of an image is read by others too."""
    net = Layers()
    planes = net.node("Transpose", ["x"], "planes", perm=[0, 3, 1, 2])
    image = net.node("Transpose", [planes], "image", perm=[0, 2, 3, 1])
    net.site(net.site(image, "a"), "b", r=image)
    return net.model(net.node("Add", ["b", net.node("Sigmoid", [image], "s")], "y"))


def planes_between() -> onnx.ModelProto:
    """A float operator on planes between sites, and a Transpose in another order."""
    net = Layers()
    net.site(net.site("x", "a"), "b")
    planes = net.node("Transpose", ["b"], "planes", perm=[0, 3, 1, 2])
    floats = net.node("Sigmoid", [planes], "s")
    net.site(net.node("Transpose", [floats], "image", perm=[0, 2, 3, 1]), "c")
    net.site(net.node("Transpose", ["x"], "turned", perm=[0, 2, 1, 3]), "d")
    return net.model(net.site("c", "e", r="d"))


def normed() -> onnx.ModelProto:
    """As GoogLeNet begins: one normalisation before a site, and one that is pooled for two of them."""
    net = Layers()
    net.site(net.norm(net.site("x", "a"), "an"), "b")
    net.pool(net.norm("b", "bn"), "p")
    return net.model(net.site(net.site("p", "c"), "d", r=net.site("p", "e")))


def normed_for_floats() -> onnx.ModelProto:
    """Normalisations that no site reads, or that do not suit bytes."""
    net = Layers()
    net.site(net.site("x", "a"), "b")
    net.site(net.norm("a", "an", size=301), "c")
    return net.model("c", net.node("Sigmoid", [net.norm("b", "bn")], "s"))


def averaged() -> onnx.ModelProto:
    """A mean of bytes; one of floats that others read before it; and one of floats."""
    net = Layers()
    net.site(net.site("x", "a"), "b")
    net.node("Sigmoid", ["a"], "s")
    net.average(net.site("b", "c"), "mean")
    return net.model("mean", net.average("a", "other"), net.average("s", "third"))


T = "Transpose"
CASES = {
    chain: {Q: 1, QSRMM: 3, DQ: 1},
    shared: {Q: 1, QSRMM: 2, SRMM: 1, "Sigmoid": 1, DQ: 2},
    output_between: {Q: 1, QSRMM: 2, DQ: 2},
    inception: {Q: 1, QSRMM: 4, "Concat": 1, Q_MAX_POOL: 1, DQ: 1},
    mixed_concat: {"Tanh": 1, Q: 2, QSRMM: 2, "Concat": 1, DQ: 1},
    float_concat: {Q: 1, QSRMM: 3, "Concat": 1, DQ: 1, "Sigmoid": 1},
    pooled_floats: {"Tanh": 1, Q: 1, Q_MAX_POOL: 1, QSRMM: 3, DQ: 1},
    residual: {Q: 1, QSRMM: 4, DQ: 1},
    normed: {Q: 1, QSRMM: 5, Q_LRN: 2, Q_MAX_POOL: 1, DQ: 1},
    normed_for_floats: {Q: 1, QSRMM: 2, SRMM: 1, LRN: 2, DQ: 2, "Sigmoid": 1},
    averaged: {Q: 1, QSRMM: 3, DQ: 1, "Sigmoid": 1, Q_GLOBAL_AVERAGE: 1, GLOBAL_AVERAGE: 2},
    image_input: {T: 1, "Abs": 1, QUANTIZE: 2, QSRMM: 3, DQ: 1},
    image_for_all: {T: 2, QUANTIZE: 1, QSRMM: 2, DQ: 1, "Sigmoid": 1, "Add": 1},
    planes_between: {T: 3, "Sigmoid": 1, Q: 3, QSRMM: 5, DQ: 2},
}


@pytest.mark.parametrize("build", CASES)
def test_nodes(build):
    made = passing(build(), images())
    assert Counter(operators(made)) == CASES[build]
    onnx.checker.check_model(made, full_check=True)


@pytest.mark.parametrize("build", CASES)
def test_values_are_near_without_the_library(build):
    """The bodies are the float layers; what is lost is a level for each rounding to bytes.

    Layers are scaled so that they pass on errors of about their size: 4 roundings, by the 4 layers on the
    longest path, of less than 1/255 of a range each, and twice that for sums of errors that fall together.
    """
    model, x = build(), images()
    made = passing(model, x)
    for got, wanted in zip(run(made, x), run(precise(model), x), strict=True):
        assert got.dtype == np.float32 and got.shape == wanted.shape
        assert 0 < abs(got - wanted).max() <= 8 / 255 * np.ptp(wanted)


@pytest.mark.parametrize("build", CASES)
def test_the_library_computes_the_reference(plugin_path, build):
    """The same bytes, so the same floats but for sums of a float site.

    `onnx.reference` knows DequantizeLinear from opset 19 on only.
    """
    model, x = build(), images()
    made = passing(model, x)
    del made.functions[:]
    made.opset_import[0].version, made.ir_version = 21, 10
    wanted = ReferenceEvaluator(made, new_ops=reference_ops()).run(None, {"x": x})
    for got, value in zip(run(made, x, plugin=True), wanted, strict=True):
        np.testing.assert_allclose(got, value, atol=TOLERANCE)


@pytest.mark.parametrize("build", CASES)
def test_nothing_is_left_behind(build):
    """Constants and types that nobody needs go; bytes are called bytes."""
    made = passing(build(), images()).graph
    read = {name for node in made.node for name in node.input}
    assert {tensor.name for tensor in made.initializer} <= read | {"zero"}
    written = {name: node.op_type for node in made.node for name in node.output}
    types = {value.name: value.type.tensor_type.elem_type for value in made.value_info}
    assert set(types) <= set(written)
    for name, op in written.items():
        if op in (QSRMM, Q_MAX_POOL, Q_LRN, QUANTIZE):
            assert types.get(name, TensorProto.UINT8) == TensorProto.UINT8
        if op in (DQ, SRMM, MAX_POOL, LRN, GLOBAL_AVERAGE, Q_GLOBAL_AVERAGE):
            assert types.get(name, TensorProto.FLOAT) == TensorProto.FLOAT


def test_one_code_for_what_is_joined():
    model = inception()
    codes = choose_codes(model.graph, ranges_of(model, images()))
    assert codes["b"].y == codes["c"].y == codes["a"].y == codes["d"].x
    assert codes["a"].x != codes["a"].y


def test_sites_of_other_codes_hand_on_floats():
    """As a plan may say that somebody has edited."""
    model, x = chain(), images()
    codes = choose_codes(model.graph, ranges_of(model, x))
    codes["b"] = SiteCodes((0.07, 3.0), codes["b"].y)
    made = copy_of(model)
    assert pass_bytes(made.graph, codes) == 3
    assert operators(made) == [Q, QSRMM, DQ, Q, QSRMM, QSRMM, DQ]


def test_sites_without_codes_stay():
    model = chain()
    codes = choose_codes(model.graph, ranges_of(model, images()))
    before = model.SerializeToString()
    assert pass_bytes(model.graph, {}) == 0
    assert model.SerializeToString() == before
    assert pass_bytes(model.graph, {"c": codes["c"]}) == 1
    assert operators(model) == [SRMM, SRMM, Q, QSRMM, DQ]


def test_readers_in_inner_graphs_get_floats():
    net = Layers()
    net.site("x", "a")
    net.site("a", "b")
    inner = [
        onnx.helper.make_graph(
            [onnx.helper.make_node(op, ["a"], [f"{op}_y"])],
            op,
            [],
            [onnx.helper.make_tensor_value_info(f"{op}_y", TensorProto.FLOAT, None)],
        )
        for op in ("Sigmoid", "Tanh")
    ]
    net.constants.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    net.node("If", ["yes"], "c", then_branch=inner[0], else_branch=inner[1])
    made = passing(net.model("b", "c"), images())
    assert operators(made) == [Q, QSRMM, QSRMM, DQ, "If", DQ]
    run(made, images())
