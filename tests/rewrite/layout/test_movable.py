"""Every operator that works on channels-last images: right, and no Transpose is left between two sites."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spl_onnx.spec.attributes import GLOBAL_AVERAGE, MAX_POOL
from tests.rewrite.builders import Net, assert_same, images, ops, rewritten

X = images(2, 3, 6, 8)


def site(made: Net, x: str, name: str, channels: int) -> str:
    """A site of 4 channels that keeps the size."""
    return made.node("Relu", [made.conv(x, f"{name}.c", 4, channels, pads=[1, 1, 1, 1])], name)


def between(
    build: Callable[[Net], str], channels: int = 4, opset: int = 17, tail: bool = True
) -> tuple[int, list[str]]:
    """Transposes and operators left of: sites `a` and `b`, `build`, a site. The result is checked."""
    made = Net(opset)
    made.input("x", [2, 3, 6, 8])
    site(made, "x", "a", 3)
    site(made, "a", "b", 4)
    last = build(made)
    if not any("b" in node.input for node in made.nodes):
        made.nodes = [node for node in made.nodes if node.output[0] not in ("b", "b.c")]
    model = made.model(site(made, last, "y", channels) if tail else last)
    result = rewritten(model, lossless=True)
    assert_same(model, result, {"x": X})
    found = [op for op in ops(result.model) if op != "SRMM"]
    return found.count("Transpose"), [op for op in found if op != "Transpose"]


def node(op: str, *inputs: str, **attrs: Any) -> Callable[[Net], str]:
    return lambda made: made.node(op, inputs or ["a"], "m", **attrs)


def with_constants(
    op: str, *values: Any, first: tuple[str, ...] = ("a",), **attrs: Any
) -> Callable[[Net], str]:
    """A node with constants behind its images; None leaves an input out."""

    def build(made: Net) -> str:
        names = ["" if v is None else made.const(f"k{i}", v) for i, v in enumerate(values)]
        return made.node(op, [*first, *names], "m", **attrs)

    return build


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def single(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def in_bytes(made: Net, size: int = 1) -> str:
    """`a` as bytes and back, by one scale or by one for each channel."""
    code = [np.full(size, 0.125, np.float32), np.full(size, 3, np.uint8)]
    names = [made.const(f"code{i}", part[0] if size == 1 else part) for i, part in enumerate(code)]
    axis = {} if size == 1 else {"axis": 1}
    made.node("QuantizeLinear", ["a", *names], "q", **axis)
    return made.node("DequantizeLinear", ["q", *names], "m", **axis)


KEPT = {
    "Bytes": (in_bytes, 4),
    "LeakyRelu": (node("LeakyRelu", alpha=0.3), 4),
    "Sigmoid": (node("Sigmoid"), 4),
    "Identity": (node("Identity"), 4),
    "Dropout": (node("Dropout"), 4),
    "Cast": (node("Cast", to=1), 4),
    "Clip": (with_constants("Clip", single(0.1), single(0.7)), 4),
    "Clip above": (with_constants("Clip", None, single(0.7)), 4),
    "Add": (node("Add", "a", "b"), 4),
    "Mul self": (node("Mul", "a", "a"), 4),
    "Max of three": (with_constants("Max", numbers(1, 4, 1, 1), first=("a", "b")), 4),
    "Sub channels": (with_constants("Sub", numbers(4, 1, 1)), 4),
    "Div image": (with_constants("Div", numbers(1, 1, 6, 8)), 4),
    "Mul row": (with_constants("Mul", numbers(8)), 4),
    "Pow number": (with_constants("Pow", single(2.0)), 4),
    "PRelu": (with_constants("PRelu", numbers(4, 1, 1)), 4),
    "Concat channels": (node("Concat", "a", "b", axis=1), 8),
    "Concat channels backward": (node("Concat", "a", "b", axis=-3), 8),
    "Concat rows": (node("Concat", "a", "b", axis=2), 4),
    "Concat constant": (with_constants("Concat", numbers(2, 4, 3, 8), axis=2), 4),
    "Softmax": (node("Softmax", axis=1), 4),
    "Softmax last": (node("LogSoftmax"), 4),
    "Slice": (with_constants("Slice", ints(0, 1), ints(6, 8), ints(2, -1), ints(2, 3)), 4),
    "Slice without axes": (with_constants("Slice", ints(0, 1), ints(9, 4)), 3),
    "Slice int32": (
        with_constants("Slice", *(np.array([v], np.int32) for v in (1, 3, 1, 1))),
        2,
    ),
    "Pad": (with_constants("Pad", ints(0, 1, 2, 0, 0, 2, 0, 3), single(0.5)), 7),
    "Pad edge": (with_constants("Pad", ints(0, 0, 2, 0, 0, 0, 1, 3), mode="edge"), 4),
    "ReduceMax": (node("ReduceMax", axes=[1]), 1),
    "ReduceSum": (with_constants("ReduceSum", ints(-1, -3)), 1),
    "ReduceMean": (node("ReduceMean", axes=[1, 2]), 1),
    "GlobalAveragePool": (node("GlobalAveragePool"), 4),
}


@pytest.mark.parametrize("name", KEPT)
def test_between_sites_no_transpose_is_left(name):
    build, channels = KEPT[name]
    assert between(build, channels)[0] == 2


def test_bytes_of_a_scale_for_each_channel_stay():
    assert between(functools.partial(in_bytes, size=4))[0] == 4


@pytest.mark.parametrize(
    ("attrs", "opset"),
    [
        ({"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, 17),
        ({"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, 17),
        ({"kernel_shape": [2, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}, 17),
        ({"kernel_shape": [3, 3], "strides": [2, 1]}, 8),
    ],
)
def test_pooling_between_sites_is_an_auxiliary_operator(attrs, opset):
    def build(made: Net) -> str:
        return made.node("MaxPool", [made.node("Sigmoid", ["a"], "s")], "m", **attrs)

    assert between(build, opset=opset) == (2, [MAX_POOL, "Sigmoid"])


@pytest.mark.parametrize("opset", [9, 17, 18])
def test_global_pooling_is_an_auxiliary_operator(opset):
    assert between(node("GlobalAveragePool"), opset=opset) == (2, [GLOBAL_AVERAGE])


def test_axes_of_newer_opsets_are_an_input():
    assert between(with_constants("ReduceMean", ints(1)), channels=1, opset=18)[0] == 2
    pad = with_constants("Pad", ints(1, 2, 0, 1), None, ints(3, 1))
    assert between(pad, channels=7, opset=18)[0] == 2


def test_axes_and_pads_of_older_opsets_are_attributes():
    pad = node("Pad", pads=[0, 1, 2, 0, 0, 2, 0, 3], value=0.5)
    assert between(pad, channels=7, opset=9)[0] == 2
    cut = node("Slice", axes=[1, 3], starts=[0, 1], ends=[3, 7])
    assert between(cut, channels=3, opset=9)[0] == 2
    assert between(node("Slice", starts=[0, 1], ends=[9, 3]), channels=2, opset=9)[0] == 2


def test_split_has_several_images():
    def build(made: Net) -> str:
        made.node("Split", ["a", made.const("sizes", ints(1, 3))], ["s", "t"], axis=1)
        return made.node("Mul", ["s", "t"], "m")

    assert between(build, channels=3)[0] == 2


@pytest.mark.parametrize(
    ("build", "tail"),
    [
        (lambda made: made.node("Flatten", [made.node("GlobalAveragePool", ["a"], "g")], "m"), "Flatten"),
        (node("ReduceMean", axes=[1, 2, 3], keepdims=0), "ReduceMean"),
        (
            lambda made: made.node(
                "Squeeze", [made.node("GlobalAveragePool", ["a"], "g"), made.const("k", ints(2, 3))], "m"
            ),
            "Squeeze",
        ),
        (with_constants("ReduceSum", ints(1), keepdims=0), "ReduceSum"),
    ],
)
def test_rows_behind_the_images_need_no_transpose(build, tail):
    count, left = between(build, tail=False)
    assert count == 1 and tail in left


def image_reader(made: Net) -> str:
    """Numbers of rank 3 against images: not constant, so they cannot be laid out anew."""
    return made.node("Add", ["a", made.input("r", [4, 6, 8])], "m")


STAY = {
    "window": node("AveragePool", kernel_shape=[2, 2]),
    "dilated window": node("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
    "window of one place": node("MaxPool", kernel_shape=[1, 1], strides=[2, 2]),
    "places": lambda made: made.node("MaxPool", ["a"], ["m", "places"], kernel_shape=[2, 2]),
    "depth": node("DepthToSpace", blocksize=2),
    "normal": with_constants("InstanceNormalization", numbers(4), numbers(4)),
    "mask": lambda made: made.node("Dropout", ["a"], ["m", "mask"]),
    "axes": lambda made: made.node(
        "Slice", ["a", made.const("s", ints(0)), made.const("e", ints(2)), _computed(made)], "m"
    ),
    "order": lambda made: made.node(
        "Squeeze", [made.node("GlobalAveragePool", ["a"], "g"), made.const("k", ints(2))], "m"
    ),
    "slow mean": node("ReduceMean", axes=[2, 3]),
    "no axes": node("ReduceMax"),
    "flat": node("Flatten"),
}


def _computed(made: Net) -> str:
    """The number 3 that no one knows beforehand: size of an input's first dimension... plus one."""
    size = made.node("Shape", ["x"], "size")
    return made.node("Slice", [size, made.const("s1", ints(1)), made.const("e1", ints(2))], "axis")


@pytest.mark.parametrize("name", STAY)
def test_what_cannot_work_channels_last_keeps_its_transposes(name):
    assert between(STAY[name], tail=False)[0] == 2, "x in, m out"


def test_softmax_of_an_old_opset_runs_over_several_axes():
    assert between(node("Softmax", axis=1), opset=11)[0] == 4


def test_numbers_of_another_rank_that_are_computed():
    made = Net()
    made.input("x", [2, 3, 6, 8])
    site(made, "x", "a", 3)
    model = made.model(site(made, image_reader(made), "y", 4))
    result = rewritten(model, lossless=True)
    assert_same(model, result, {"x": X, "r": images(4, 6, 8)})
    assert ops(result.model).count("Transpose") == 4


def test_single_numbers_that_are_computed():
    made = Net()
    made.input("x", [2, 3, 6, 8])
    site(made, "x", "a", 3)
    made.node("Mul", ["a", made.input("r", [])], "m")
    model = made.model(site(made, "m", "y", 4))
    result = rewritten(model, lossless=True)
    assert_same(model, result, {"x": X, "r": np.array(1.5, np.float32)})
    assert ops(result.model).count("Transpose") == 2


@pytest.mark.parametrize(
    ("opset", "op", "values", "attributes"),
    [
        (17, "MaxPool", (), {}),
        (17, "MaxPool", (), {"kernel_shape": 2}),
        (17, "Concat", (), {"axis": 9}),
        (17, "Concat", (), {}),
        (17, "Softmax", (), {"axis": "last"}),
        (17, "Split", (), {"axis": -9}),
        (17, "ReduceMean", (), {"axes": [1, 9]}),
        (17, "ReduceMean", (), {"axes": 1}),
        (17, "Pad", (ints(0, 0, 1),), {}),
        (17, "Pad", (), {}),
        (9, "Pad", (), {"pads": [0, 0, 1, 1]}),
        (17, "Slice", (ints(0), ints(4), ints(7)), {}),
        (17, "Slice", (ints(0),), {}),
        (9, "Slice", (), {"ends": [4]}),
        (17, "Squeeze", (ints(2, 3).reshape(1, 2),), {}),
        (17, "Flatten", (), {"axis": [1]}),
        (17, "Transpose", (), {"perm": [0, 0, 0, 0]}),
        (17, "Transpose", (), {"perm": 3}),
    ],
)
def test_nodes_that_mean_nothing_stay_as_they_are(opset, op, values, attributes):
    made = Net(opset)
    made.input("x", [2, 3, 6, 8])
    site(made, "x", "a", 3)
    middle = with_constants(op, *values, **attributes)(made)
    site(made, middle, "y", 4)
    before = next(n for n in made.nodes if n.op_type == op)
    result = rewritten(made.broken("y"), lossless=True, no_verify=True)
    after = next(n for n in result.model.graph.node if n.output[0] == before.output[0])
    assert (after.op_type, after.domain, after.attribute) == (op, "", before.attribute)
