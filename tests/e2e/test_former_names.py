"""Models whose auxiliary operators have the names of earlier versions: they load and run as before."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.measure.sessions import create_session
from spl_onnx.measure.sites import converted_sites
from spl_onnx.rewrite.graph.tensors import all_graphs
from spl_onnx.search.budget.producers import producers
from spl_onnx.spec.attributes import DOMAIN_CONV, FORMER_NAMES, GLOBAL_AVERAGE, LRN, MAX_POOL
from tests.rewrite.builders import Net, images, rewritten

X = images(2, 3, 9, 9)


def network() -> onnx.ModelProto:
    """Sites with an LRN, a MaxPool and a GlobalAveragePool between them that stay channels last."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", ["N", 3, 9, 9]), "a", 8, 3, pads=[1, 1, 1, 1])], "ra")
    made.node("LRN", ["ra"], "norm", size=3, alpha=0.5)
    made.node("Relu", [made.conv("norm", "b", 8, 8, pads=[1, 1, 1, 1])], "rb")
    made.node("MaxPool", [made.node("Sigmoid", ["rb"], "s")], "pooled", kernel_shape=[3, 3], strides=[2, 2])
    made.node("Relu", [made.conv("pooled", "c", 8, 8)], "rc")
    made.node("GlobalAveragePool", [made.node("Sigmoid", ["rc"], "t")], "mean")
    made.node("Relu", [made.conv("mean", "d", 4, 8, 1, 1)], "y")
    return made.model("y")


def former(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model as an earlier version of the rewriter wrote it."""
    old = onnx.ModelProto()
    old.CopyFrom(model)
    renamed = set()
    for node in (node for graph in all_graphs(old.graph) for node in graph.node):
        if node.domain == DOMAIN_CONV and node.op_type in FORMER_NAMES:
            renamed.add(node.op_type)
            node.op_type = FORMER_NAMES[node.op_type]
    assert renamed == {LRN, MAX_POOL, GLOBAL_AVERAGE}
    for function in old.functions:
        function.name = FORMER_NAMES.get(function.name, function.name)
    return old


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return rewritten(network(), lossless=True).model


def outputs(model: onnx.ModelProto, plugin: bool) -> np.ndarray:
    return np.asarray(create_session(model, plugin=plugin, threads=1).run(None, {"x": X})[0])


@pytest.mark.parametrize("plugin", [False, True])
def test_they_compute_the_same(model: onnx.ModelProto, plugin: bool) -> None:
    onnx.checker.check_model(former(model), full_check=True)
    np.testing.assert_array_equal(outputs(former(model), plugin), outputs(model, plugin))


def test_the_library_has_them_by_both_names(model: onnx.ModelProto) -> None:
    """Without their functions only the library can run them."""
    for kind in (model, former(model)):
        bare = onnx.ModelProto()
        bare.CopyFrom(kind)
        del bare.functions[:]
        np.testing.assert_array_equal(outputs(bare, True), outputs(model, True))


def test_readers_take_them_for_the_same(model: onnx.ModelProto) -> None:
    assert converted_sites(former(model)) == converted_sites(model)
    assert producers(former(model)) == producers(model)
    assert producers(model)["rb"] == {"ra": 1.0}, "zeros stay zeros behind LRN"
