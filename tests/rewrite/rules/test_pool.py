"""Reading a MaxPool."""

from __future__ import annotations

import itertools
import math

import pytest

from spl_onnx.rewrite.rules.pool import read_pool
from spl_onnx.rewrite.rules.site import Refused
from spl_onnx.spec.attributes import MAX_WINDOW, Pooling
from tests.rewrite.builders import Net
from tests.rewrite.rules.matches import node_of, scope_of


def read(spatial: int = 2, size: int | str | None = 60, **attrs) -> Pooling:
    made = Net()
    made.node("MaxPool", [made.input("x", ["N", 2, *[size] * spatial])], "y", **attrs)
    scope = scope_of(made, "y")
    return read_pool(scope, node_of(scope, "y"), 2 if spatial == 3 else spatial)


def test_no_node_is_no_pooling():
    made = Net()
    made.node("Relu", [made.input("x", [1])], "y")
    assert read_pool(scope_of(made, "y"), None, 2) == Pooling.none()


def test_two_dimensions():
    assert read(kernel_shape=[3, 2]) == Pooling((3, 2), (1, 1))
    got = read(kernel_shape=[3, 2], strides=[2, 1], pads=[2, 1, 0, 1], ceil_mode=1)
    assert got == Pooling((3, 2), (2, 1), (2, 1, 0, 1), True)


def test_one_dimension_gets_a_height():
    got = read(1, kernel_shape=[3], strides=[2], pads=[1, 2])
    assert got == Pooling((1, 3), (1, 2), (0, 1, 0, 2))


def test_the_largest_window():
    assert read(kernel_shape=[2, MAX_WINDOW // 2]).area == MAX_WINDOW


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ({"kernel_shape": [5, 51]}, "more than 254 places"),
        ({"kernel_shape": [1, 1], "strides": [2, 2]}, "pools nothing"),
        ({"kernel_shape": [2, 2], "dilations": [1, 2]}, "dilations"),
        ({"kernel_shape": [2, 2], "storage_order": 1}, "columns first"),
        ({"spatial": 3, "kernel_shape": [2, 2, 2]}, "3 spatial dimensions, wanted 2"),
    ],
)
def test_refused(attrs, text):
    with pytest.raises(Refused, match=text):
        read(**attrs)


def is_read(size: int | str | None, kernel: int, stride: int, begin: int, end: int) -> bool:
    """Whether a row of windows in ceil mode can be the window of a site."""
    try:
        read(1, size, kernel_shape=[kernel], strides=[stride], pads=[begin, end], ceil_mode=1)
    except Refused as refusal:
        assert "may start beyond its input" in str(refusal)
        return False
    return True


def starts_beyond(size: int, kernel: int, stride: int, begin: int, end: int) -> bool:
    """Whether the last of the windows, their number rounded up, starts behind all of the image."""
    windows = math.ceil((size + begin + end - kernel) / stride) + 1
    return (windows - 1) * stride >= size + begin


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_a_last_window_without_a_value_is_refused(kernel, stride):
    """Releases of ONNX Runtime differ on it. Where the size is free, it must be impossible for all sizes."""
    for begin, end in itertools.product(range(kernel), range(kernel)):
        window = (kernel, stride, begin, end)
        differs = [starts_beyond(size, *window) for size in range(kernel, 20)]
        assert [is_read(size, *window) for size in range(kernel, 20)] == [not d for d in differs]
        assert is_read("L", *window) == is_read(None, *window) == (not any(differs)), window
