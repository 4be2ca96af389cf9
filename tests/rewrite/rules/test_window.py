"""Strides, pads, dilations, and automatic padding."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.site import Refused
from spl_onnx.rewrite.rules.window import WindowAttributes, read_window
from tests.rewrite.builders import Net, images, run
from tests.rewrite.rules.matches import node_of, scope_of


def node(**attrs):
    made = Net()
    made.conv(made.input("x", [1, 1, 9, 9]), "c", 1, 1, 3, 3, **attrs)
    return node_of(scope_of(made, "c"), "c")


def test_defaults():
    assert read_window(node(), (3, 3), None) == WindowAttributes((3, 3), (1, 1), (0, 0, 0, 0), (1, 1))


def test_a_height_is_added():
    window = WindowAttributes((3,), (2,), (1, 0), (4,))
    assert window.lifted() == WindowAttributes((1, 3), (1, 2), (0, 1, 0, 0), (1, 4))
    assert window.lifted().lifted() == window.lifted()


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("size", [7, 8, 9])
def test_automatic_padding_is_that_of_onnx_runtime(auto, stride, kernel, size):
    made = Net()
    made.random("w", 1, 1, kernel, kernel)
    x = made.input("x", [1, 1, size, size])
    made.node("Conv", [x, "w"], "c", auto_pad=auto, strides=[stride, stride])
    scope = scope_of(made, "c")
    pads = read_window(node_of(scope, "c"), (kernel, kernel), (size, size)).pads
    made.node("Conv", [x, "w"], "d", pads=list(pads), strides=[stride, stride])
    automatic, explicit = run(made.model("c", "d"), {"x": images(1, 1, size, size)})
    np.testing.assert_array_equal(automatic, explicit)


@pytest.mark.parametrize(
    ("attrs", "sizes", "text"),
    [
        ({"auto_pad": "SAME_UPPER", "strides": [2, 1]}, ("H", 9), "input size is not known"),
        ({"auto_pad": "SAME_LOWER", "strides": [2, 1]}, None, "input size is not known"),
    ],
)
def test_refused(attrs, sizes, text):
    with pytest.raises(Refused, match=text):
        read_window(node(**attrs), (3, 3), sizes)


def test_negative_pads_are_refused():
    crooked = node()
    crooked.attrs["pads"] = [0, -1, 0, 0]
    with pytest.raises(Refused, match="negative pads"):
        read_window(crooked, (3, 3), None)


def test_unknown_padding_is_refused():
    crooked = node()
    crooked.attrs["auto_pad"] = "REFLECT"
    with pytest.raises(Refused, match="auto_pad REFLECT"):
        read_window(crooked, (3, 3), None)


@pytest.mark.parametrize(("kernel", "stride", "size"), [(1, 4, 8), (3, 6, 12), (5, 10, 50)])
def test_automatic_padding_below_zero_is_refused(kernel, stride, size):
    """ONNX Runtime crops there."""
    same = node(auto_pad="SAME_UPPER", strides=[stride, stride])
    with pytest.raises(
        Refused, match=rf"pads automatically by -\d+: stride {stride} passes its window {kernel}"
    ):
        read_window(same, (kernel, kernel), (size, size))
    assert read_window(same, (kernel, kernel), (size + 1, size + 1)).pads, (
        "one place more: no padding below 0"
    )


def test_images_without_a_place_are_refused():
    with pytest.raises(Refused, match="works on images without a single place"):
        read_window(node(), (3, 3), ("H", 0))
