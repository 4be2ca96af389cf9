"""Floats of bytes and bytes of floats, each made once."""

from __future__ import annotations

import onnx

from spl_onnx.rewrite.bytes.borders import Borders
from spl_onnx.rewrite.bytes.names import Constants
from spl_onnx.spec.attributes import QUANTIZE
from tests.rewrite.bytes.layers import Layers

ONE, OTHER = (0.5, 3.0), (0.25, 3.0)


def borders(net: Layers, *outputs: str) -> tuple[Borders, onnx.GraphProto]:
    graph = net.model(*outputs).graph
    return Borders(graph, Constants(graph)), graph


def operators(graph: onnx.GraphProto) -> list[str]:
    return [node.op_type for node in graph.node]


def test_bytes_of_floats_are_made_once_for_a_code():
    net = Layers()
    made, graph = borders(net, net.node("Abs", ["x"], "y"))
    first = made.bytes_of("x", ONE)
    assert first == made.bytes_of("x", ONE) != made.bytes_of("x", OTHER)
    made.add_floats(graph.node[0])
    made.finish()
    assert operators(graph) == ["QuantizeLinear", "QuantizeLinear", "Abs"]


def test_floats_of_bytes_are_made_once_and_where_they_are_read():
    net = Layers()
    net.site("x", "a")
    net.node("Abs", ["a"], "b")
    net.node("Neg", ["a"], "c")
    made, graph = borders(net, "b", "c")
    assert made.write("a", ONE) == made.bytes_of("a", ONE) == "a/bytes"
    for node in list(graph.node)[1:]:
        made.add_floats(node)
    made.finish()
    assert operators(graph) == ["DequantizeLinear", "Abs", "Neg"]


def test_outputs_of_the_graph_are_floats():
    net = Layers()
    made, graph = borders(net, net.site("x", "a"))
    made.write("a", ONE)
    made.finish()
    assert operators(graph) == ["DequantizeLinear"]


def turned(net: Layers, x: str, y: str) -> str:
    planes = net.node("Transpose", [x], f"{y}/planes", perm=[0, 3, 1, 2])
    return net.node("Transpose", [planes], y, perm=[0, 2, 3, 1])


def test_a_transpose_goes_with_its_floats():
    net = Layers()
    net.node("Abs", [turned(net, "x", "a")], "y")
    for reader, wanted in ((False, 1), (True, 2)):
        made, graph = borders(net, "y")
        for node in list(graph.node)[: 3 if reader else 2]:
            made.add_floats(node)
        made.bytes_of("a", ONE)
        made.finish()
        assert operators(graph).count("Transpose") == wanted
        assert operators(graph)[-1] == QUANTIZE and graph.node[-1].input[0] == "a/planes"
        assert ("a" in {value.name for value in graph.value_info}) == reader


def test_what_was_computed_of_bytes_has_a_quantize_linear():
    net = Layers()
    turned(net, net.node("Abs", [net.site("x", "b")], "c"), "a")
    made, graph = borders(net, "a")
    made.write("b", ONE)
    for node in list(graph.node)[1:]:
        made.add_floats(node)
    made.bytes_of("a", ONE)
    made.finish()
    assert operators(graph) == ["DequantizeLinear", "Abs", "Transpose", "Transpose", "QuantizeLinear"]
