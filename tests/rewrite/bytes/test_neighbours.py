"""Operators beside layers of bytes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.rewrite.bytes.neighbours import take_bytes
from tests.rewrite.builders import images, ops, rewritten
from tests.rewrite.rules.quantised.layers import POSITIVE, SIGNED, ByteNet, run_with

FEEDS = {"x": images(2, 4, 9, 8)}
FLAT = (0.02, 100)


def made(alpha: float = 0.1, also: str = "", kind: type = np.uint8, last: str = "g") -> onnx.ModelProto:
    """Layers of bytes with a normalisation between them and a mean behind; `also` is read elsewhere too."""
    net = ByteNet()
    net.byte_conv(net.bytes(net.input("x", ["N", 4, 9, 8])), "c", 8, 4)
    net.node("LRN", [net.bytes(net.node("Relu", ["c"], "r"), POSITIVE)], "n", size=5, alpha=alpha)
    net.byte_conv(net.bytes("n", FLAT, kind), "d", 8, 8)
    net.node("GlobalAveragePool", [net.bytes("d")], "g")
    if also:
        net.node("Neg", [also], "other")
    return net.model(last, *(["other"] if also else []))


def test_all_of_them(plugin_path):
    model = made()
    result = rewritten(model, rules="default")
    assert ops(result.model) == [
        *("ChannelsLastQuantize", "QChannelsLastGlobalAveragePool", "QChannelsLastLRN", "QSRMM", "QSRMM"),
        "Transpose",
    ]
    onnx.checker.check_model(result.model, full_check=True)
    got, expected = (run_with(m, FEEDS)[0] for m in (result.model, model))
    # A byte of the image, of the normalisation or of a layer may be off by one; a mean of 72 hides it.
    assert np.abs(got - expected).max() <= SIGNED[0]
    assert np.ptp(expected) > 5 * SIGNED[0]


def test_without_the_library():
    model = made()
    result = rewritten(model, rules="default")
    got, expected = (run_with(m, FEEDS, plugin=False)[0] for m in (result.model, model))
    assert np.abs(got - expected).max() <= SIGNED[0]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"alpha": -0.1}, "ChannelsLastLRN"),
        ({"also": "n"}, "ChannelsLastLRN"),
        ({"also": "x.q"}, "QuantizeLinear"),
    ],
)
def test_what_stays(options, kept):
    if options.get("also") == "x.q":
        model = made()
        model.graph.output.append(onnx.helper.make_tensor_value_info("x.q", 2, None))
    else:
        model = made(**options)
    assert kept in ops(rewritten(model, rules="default", no_verify=True).model)


def test_a_mean_of_floats_stays():
    made_ = ByteNet()
    made_.byte_conv(made_.bytes(made_.input("x", [1, 4, 9, 8])), "c", 8, 4)
    made_.node("GlobalAveragePool", [made_.node("Sigmoid", [made_.bytes("c")], "s")], "g")
    found = ops(rewritten(made_.model("g"), rules="default").model)
    assert "QChannelsLastGlobalAveragePool" not in found


def test_graphs_without_layers_of_bytes_are_as_they_were():
    graph = made().graph
    before = graph.SerializeToString()
    assert take_bytes(graph) == 0
    assert graph.SerializeToString() == before


def test_floats_that_others_read_are_made_of_bytes(plugin_path):
    model = made(also="r.d")
    result = rewritten(model, rules="default")
    assert ops(result.model).count("DequantizeLinear") == 1
    for got, expected in zip(run_with(result.model, FEEDS), run_with(model, FEEDS), strict=True):
        assert np.abs(got - expected).max() <= SIGNED[0] * 1.001
