"""Shapes with symbols."""

from __future__ import annotations

import pytest
from onnx import helper

from spl_onnx.rewrite.graph.symbolic import broadcast, infer_shapes
from tests.rewrite.builders import Net


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(2, 3), (3,)], (2, 3)),
        ([("N", 3), ("N", 1)], ("N", 3)),
        ([("N", 3), (1, 3)], ("N", 3)),
        ([("N",), ("M",)], None),
        ([("N",), (5,)], (5,)),
        ([(None,), (1,)], None),
        ([(2,), (3,)], None),
        ([(), (4,)], (4,)),
    ],
)
def test_broadcast(shapes, expected):
    assert broadcast(shapes) == expected


def shape_of(op: str, size: int | str, **attrs: object) -> object:
    made = Net()
    made.input("x", ["N", 2, size, 7])
    if op == "Conv":
        made.conv("x", "y", 3, 2, 3, 3, **attrs)
    else:
        made.node(op, ["x"], "y", **attrs)
    return infer_shapes(made.model("y"))[("", "y")]


def test_windows_that_keep_the_size_keep_the_symbol():
    assert shape_of("Conv", "H", pads=[1, 1, 1, 1]) == ("N", 3, "H", 7)
    assert shape_of("Conv", "H", pads=[2, 2, 2, 2], dilations=[2, 2]) == ("N", 3, "H", 7)
    assert shape_of("Conv", "H", auto_pad="SAME_UPPER") == ("N", 3, "H", 7)
    assert shape_of("MaxPool", "H", kernel_shape=[3, 3], pads=[1, 1, 1, 1]) == ("N", 2, "H", 7)


def test_equal_windows_give_equal_symbols_and_others_do_not():
    one = shape_of("Conv", "H", strides=[2, 2], pads=[1, 1, 1, 1])
    assert one == shape_of("Conv", "H", strides=[2, 2], pads=[0, 0, 2, 2])
    assert one != shape_of("Conv", "H", strides=[2, 2])
    assert one != shape_of("Conv", "W", strides=[2, 2], pads=[1, 1, 1, 1])
    floor = shape_of("MaxPool", "H", kernel_shape=[3, 3], strides=[2, 2])
    ceil = shape_of("MaxPool", "H", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    assert floor[2] != ceil[2]


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("size", range(5, 12))
def test_numbers_agree_with_onnx(size, ceil):
    got = shape_of("MaxPool", size, kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 0, 1], ceil_mode=ceil)
    made = Net()
    made.input("x", ["N", 2, size, 7])
    made.node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 0, 1], ceil_mode=ceil)
    dims = made.model("y").graph.output[0].type.tensor_type.shape.dim
    assert got == ("N", *[dim.dim_value for dim in dims][1:])


def test_inner_graphs_see_outer_shapes():
    made = Net()
    made.conv(made.input("x", ["N", 2, "H", "W"]), "c", 2, 2, pads=[1, 1, 1, 1])
    shapes = infer_shapes(made.in_if("c"))
    assert shapes[("choose#0/then_branch", "c")] == ("N", 2, "H", "W")


def test_a_model_that_fails_inference_still_gives_what_it_declares():
    made = Net()
    made.conv(made.input("x", ["N", 2, 9, 9]), "c", 3, 2)
    model = made.model("c")
    model.graph.node[0].attribute.append(helper.make_attribute("kernel_shape", [5, 5]))
    assert infer_shapes(model)[("", "x")] == ("N", 2, 9, 9)


def test_sizes_below_zero_are_free():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [-1, 3, -1, 8]), "c", 4, 3)], "y")
    shapes = infer_shapes(made.model("y"))
    for name, channels, width in (("x", 3, 8), ("y", 4, 6)):
        batch, height = shapes["", name][::2]
        assert shapes["", name][1::2] == (channels, width)
        assert (
            not isinstance(batch, int) and not isinstance(height, int) and (batch is None or batch != height)
        )
    assert not [shape for shape in shapes.values() if any(isinstance(dim, int) and dim < 0 for dim in shape)]


@pytest.mark.parametrize(
    "attributes",
    [{"strides": [1]}, {"strides": [0, 1]}, {"pads": [1, 1]}, {"kernel_shape": [3]}, {"dilations": 2}],
)
def test_windows_that_mean_nothing_have_no_size(attributes):
    made = Net()
    x, w = made.input("x", ["N", 3, "H", 8]), made.random("w", 4, 3, 3, 3)
    made.node("Conv", [x, w], "y", **attributes)
    assert ("", "y") not in infer_shapes(made.broken("y"))
