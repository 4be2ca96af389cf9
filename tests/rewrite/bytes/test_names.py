from __future__ import annotations

from onnx import numpy_helper

from spl_onnx.rewrite.bytes.names import Constants
from tests.rewrite.bytes.layers import Layers


def test_one_constant_for_a_code():
    net = Layers()
    graph = net.model(net.site("x", "spl/bytes/code")).graph
    constants = Constants(graph)
    pair = constants.pair((0.5, 3.0))
    assert pair == "spl/bytes/code_2" == constants.pair((0.5, 3.0))
    assert constants.pair((0.5, 4.0)) != pair
    made = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert made[pair].tolist() == [0.5, 3.0]
    scale, zero = (made_of(graph, name) for name in constants.scale_and_zero((0.5, 3.0)))
    assert (scale.dtype, scale.shape, float(scale)) == ("float32", (), 0.5)
    assert (zero.dtype, zero.shape, int(zero)) == ("uint8", (), 3)
    assert made_of(graph, constants.zero_byte()).tolist() == [[[[0]]]]


def made_of(graph, name):
    return next(numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name)


def test_only_what_was_read_before_is_dropped():
    net = Layers()
    net.constants.append(numpy_helper.from_array(made_of(net.model("x").graph, "zero"), "kept"))
    graph = net.model(net.site("x", "a")).graph
    constants = Constants(graph)
    graph.node[0].input[4] = ""
    constants.drop_unread()
    assert [tensor.name for tensor in graph.initializer] == ["kept", "a/W", "a/B"]
