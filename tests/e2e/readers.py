"""Readers of a tensor of `CHANNELS` channels that notice when ONNX Runtime has a wrong idea of its sizes.

Each adds nodes behind `y` to a network and returns the outputs. Images have their channels in place 1,
matrices and sequences in the last one; the other sizes may be free.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from tests.rewrite.builders import Net

CHANNELS = 8

Reader = Callable[[Net, str, int], list[str]]


def _ints(made: Net, name: str, *values: int) -> str:
    return made.const(name, np.array(values, np.int64))


def _as_float(made: Net, x: str) -> str:
    return made.node("Cast", [x], f"{x}_as_float", to=TensorProto.FLOAT)


def _as_image(made: Net, y: str, rank: int) -> str:
    """`y` for operators that take images only."""
    if rank == 4:
        return y
    if rank == 3:
        y = made.node("Transpose", [y], "channels_first", perm=[0, 2, 1])
    return made.node("Unsqueeze", [y, _ints(made, "more", *range(rank, 4))], "image")


def _slice(made: Net, y: str, rank: int) -> list[str]:
    bounds = [_ints(made, "start", 1), _ints(made, "end", 1000), _ints(made, "axis", rank - 2)]
    return [made.node("Slice", [y, *bounds], "out")]


def _concat(made: Net, y: str, rank: int) -> list[str]:
    return [made.node("Concat", [y, made.node("Sigmoid", [y], "other")], "out", axis=rank - 2)]


def _split(made: Net, y: str, rank: int) -> list[str]:
    made.node("Split", [y, _ints(made, "parts", 3, 5)], ["out", "rest"], axis=1 if rank == 4 else rank - 1)
    return ["out", "rest"]


def _shape(made: Net, y: str, rank: int) -> list[str]:
    return [_as_float(made, made.node(op, [y], op)) for op in ("Shape", "Size")]


def _expand(made: Net, y: str, rank: int) -> list[str]:
    row = made.node("ReduceMean", [y], "mean", axes=[rank - 2], keepdims=1)
    return [made.node("Expand", [row, made.node("Shape", [y], "shape")], "out")]


def _resize(made: Net, y: str, rank: int) -> list[str]:
    """By factors, then added to what has the same size, as networks do that scale up; and to sizes."""
    image = _as_image(made, y, rank)
    large = made.node("Resize", [image, "", made.const("scales", np.float32([1, 1, 2, 2]))], "large")
    joined = made.node("Add", [large, made.node("Sigmoid", [large], "soft")], "out")
    shape = made.node("Shape", [image], "shape")
    sizes = made.node("Mul", [shape, _ints(made, "twice", 1, 1, 2, 2)], "sizes")
    return [joined, made.node("Resize", [image, "", "", sizes], "to_sizes")]


def _conv_transpose(made: Net, y: str, rank: int) -> list[str]:
    image = _as_image(made, y, rank)
    large = made.node("ConvTranspose", [image, made.random("up", CHANNELS, 4, 2, 2)], "large", strides=[2, 2])
    return [made.node("Relu", [large], "out")]


def _depth_to_space(made: Net, y: str, rank: int) -> list[str]:
    return [made.node("DepthToSpace", [_as_image(made, y, rank)], "out", blocksize=2)]


def _flatten(made: Net, y: str, rank: int) -> list[str]:
    return [made.node("Flatten", [y], "out", axis=rank - 1)]


def _pad(made: Net, y: str, rank: int) -> list[str]:
    before, after = [0] * rank, [0] * rank
    before[rank - 2] = after[rank - 2] = 1
    padded = made.node("Pad", [y, _ints(made, "pads", *before, *after)], "out")
    return [padded, _as_float(made, made.node("Shape", [padded], "padded_shape"))]


def _add(made: Net, y: str, rank: int) -> list[str]:
    peak = made.node("ReduceMax", [y], "peak", axes=[rank - 2], keepdims=1)
    shift = made.random("shift", *([CHANNELS, 1, 1] if rank == 4 else [CHANNELS]))
    return [made.node("Add", [made.node("Add", [y, peak], "raised"), shift], "out")]


def _matmul(made: Net, y: str, rank: int) -> list[str]:
    turned = [*range(rank - 2), rank - 1, rank - 2]
    return [made.node("MatMul", [y, made.node("Transpose", [y], "turned", perm=turned)], "out")]


READERS: dict[str, Reader] = {
    "Slice": _slice,
    "Concat": _concat,
    "Split": _split,
    "Shape": _shape,
    "Expand": _expand,
    "Resize": _resize,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Flatten": _flatten,
    "Pad": _pad,
    "Add": _add,
    "MatMul": _matmul,
}
