"""What is read of a quantised convolution."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.quantised.conv import ByteConv
from spl_onnx.spec.attributes import Activation, ConvGeometry
from tests.rewrite.builders import reason
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.quantised.layers import SIGNED, ByteNet, chain


def test_the_layer():
    scope = scope_of(chain(strides=[2, 1]), "c.d")
    layer = ByteConv().layer(ByteConv().pattern(scope, node_of(scope, "c"))[0])
    assert layer.x.name == "x.q"
    assert (layer.xcode.zero_point, layer.ycode.zero_point) == (SIGNED[1], SIGNED[1])
    assert layer.w.q.shape == (8, 3, 3, 4) and layer.w.q.dtype == np.int8
    assert layer.b.shape == (8,) and layer.b.dtype == np.float32
    assert layer.geometry == ConvGeometry((2, 1), (1, 1, 1, 1))
    assert layer.activation == Activation.none() and layer.r is None


def one_direction() -> ByteNet:
    made = ByteNet()
    x = made.bytes(made.input("x", [1, 4, 9]))
    made.node("Conv", [x, made.weights("w", 8, 4, 3)], "c")
    made.bytes("c")
    return made


def two_outputs_of_a_channel() -> ByteNet:
    made = ByteNet()
    x = made.bytes(made.input("x", [1, 8, 9, 9]))
    made.node("Conv", [x, made.weights("w", 16, 1, 3, 3)], "c", group=8)
    made.bytes("c")
    return made


def signed_input() -> ByteNet:
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", [1, 4, 9, 8]), (0.1, 0), np.int16), "c", 8, 4)
    made.bytes("c")
    made.opset = 21
    return made


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (one_direction(), "1 spatial dimension, wanted 2"),
        (two_outputs_of_a_channel(), "has 16 outputs of 8 channels, wanted one of each"),
        (signed_input(), "int16"),
    ],
    ids=["one direction", "two outputs of a channel", "int16"],
)
def test_refused(made, words):
    assert words in reason(made.broken("c.d"), rules="default")
