"""The layers of random networks (`networks.py`): each function adds one to the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from scripts.harden.networks import Network, Value


def conv(n: Network) -> None:
    """A convolution: kernels, strides, dilations, groups and padding of every kind."""
    value = n.latest()
    kernel = n.pick((1, 1), (3, 3), (3, 3), (5, 5), (1, 3), (2, 2))
    out = n.pick(4, 6, 12, 20)
    stride = n.pick((1, 1), (1, 1), (1, 1), (2, 2), (2, 1))
    dilation = n.pick((1, 1), (1, 1), (1, 1), (2, 2))
    group = n.pick(1, 1, 1, 2, value.channels)
    if value.channels % group or out % group:
        group = 1
    padding: dict[str, Any] = n.pick(
        {"pads": [(k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True)] * 2},
        {"pads": [(k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True)] * 2},
        {"auto_pad": "SAME_UPPER"},
        {"auto_pad": "SAME_LOWER"},
        {"auto_pad": "VALID"},
        {"pads": [n.pick(0, 1, 2), n.pick(0, 1), n.pick(0, 1, 3), n.pick(0, 2)]},
    )
    if "auto_pad" in padding and dilation != (1, 1):
        dilation = (1, 1)  # ONNX Runtime refuses the two together
    name = n.name()
    attributes = {"strides": stride, "dilations": dilation, "group": group, **padding}
    n.net.conv(
        value.name, name, out, value.channels // group, *kernel, bias=n.pick(True, True, False), **attributes
    )
    keeps = stride == (1, 1) and (
        "SAME" in padding.get("auto_pad", "") or _is_even(kernel, dilation, padding)
    )
    n.add(name, value, out, None if keeps else f"conv{kernel}{stride}{dilation}{sorted(padding.items())}")


def _is_even(kernel: tuple[int, int], dilation: tuple[int, int], padding: dict[str, Any]) -> bool:
    """Whether explicit padding keeps the size."""
    pads = padding.get("pads")
    return pads is not None and all(pads[i] + pads[i + 2] == (kernel[i] - 1) * dilation[i] for i in range(2))


def norm(n: Network) -> None:
    """A batch normalization."""
    value, name = n.latest(), n.name()
    n.net.norm(value.name, name, value.channels)
    n.add(name, value)


def relu(n: Network) -> None:
    """A ReLU."""
    value = n.latest()
    n.add(n.node("Relu", [value.name]), value)


def clip(n: Network) -> None:
    """ReLU6 and its like; also one that is no ReLU."""
    value = n.latest()
    low = n.pick(0.0, 0.0, -1.0)
    n.add(n.node("Clip", [value.name, n.const(np.float32(low)), n.const(np.float32(2))]), value)


def other_activation(n: Network) -> None:
    """An activation without zeros."""
    value = n.latest()
    n.add(n.node(n.pick("LeakyRelu", "Sigmoid", "Tanh", "Elu"), [value.name]), value)


def pool(n: Network) -> None:
    """A pooling, rounded down or up, padded or not."""
    value = n.latest()
    op = n.pick("MaxPool", "MaxPool", "MaxPool", "AveragePool")
    kernel, stride = n.pick((2, 2), (3, 2), (3, 1), (2, 1), (3, 3))
    attributes: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
    attributes |= n.pick(
        {}, {"pads": [1] * 4}, {"pads": [0, 0, 1, 1]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}
    )
    if n.pick(True, False) and op == "MaxPool" and "auto_pad" not in attributes:
        attributes["ceil_mode"] = 1
    n.add(n.node(op, [value.name], **attributes), value, None, f"{op}{sorted(attributes.items())}")


def add(n: Network) -> None:
    """A sum with a value of the same sizes, or with a constant of each channel."""
    value = n.latest()
    others = [v.name for v in n.values if (v.channels, v.size) == (value.channels, value.size)]
    others.append(n.net.random(f"{n.name()}.k", value.channels, 1, 1))
    n.add(n.node("Add", [value.name, n.choices.pick(others)]), value)


def concat(n: Network) -> None:
    """A concatenation of channels."""
    value = n.latest()
    other = n.choices.pick([v for v in n.values if v.size == value.size])
    n.add(n.node("Concat", [value.name, other.name], axis=1), value, value.channels + other.channels)


def scale(n: Network) -> None:
    """A factor for each channel."""
    value = n.latest()
    n.add(n.node("Mul", [value.name, n.net.random(f"{n.name()}.k", value.channels, 1, 1)]), value)


def lrn(n: Network) -> None:
    """A local response normalization."""
    value = n.latest()
    n.add(n.node("LRN", [value.name], size=n.pick(3, 5), alpha=1e-2), value)


def identity(n: Network) -> None:
    """Nothing."""
    value = n.latest()
    n.add(n.node("Identity", [value.name]), value)


def transpose(n: Network) -> None:
    """There and back."""
    value = n.latest()
    last = n.node("Transpose", [value.name], perm=[0, 2, 3, 1])
    n.add(n.node("Transpose", [last], perm=[0, 3, 1, 2]), value)


def upsample(n: Network) -> None:
    """Twice the size."""
    value = n.latest()
    mode = n.pick("nearest", "linear")
    factors = n.const(np.array([1, 1, 2, 2], np.float32))
    n.add(n.node("Resize", [value.name, "", factors], mode=mode), value, None, "times2")


def resize_to(n: Network) -> None:
    """The size of another value, read from its shape, as in networks with skip connections."""
    value, other = n.latest(), n.choices.pick(n.values)
    sizes = n.node("Concat", [_sizes(n, value, 0, 2), _sizes(n, other, 2, 4)], axis=0)
    resized = n.node("Resize", [value.name, "", "", sizes], mode="nearest")
    n.values.append(Value(resized, value.channels, other.size))


def _sizes(n: Network, value: Value, first: int, last: int) -> str:
    """Some sizes of a value, int64."""
    shape = n.node("Shape", [value.name])
    return n.node("Slice", [shape, n.integers(first), n.integers(last)])


def expand(n: Network) -> None:
    """A constant in the sizes of a value, added to it."""
    value = n.latest()
    filled = n.node(
        "Expand", [n.const(np.full((1, 1, 1, 1), 0.25, np.float32)), n.node("Shape", [value.name])]
    )
    n.add(n.node("Add", [value.name, filled]), value)


def reshape(n: Network) -> None:
    """Pixels in a row and back, by sizes read from the shape."""
    value = n.latest()
    row = n.node("Reshape", [value.name, n.integers(0, value.channels, -1)])
    n.add(n.node("Reshape", [row, n.node("Shape", [value.name])]), value)


def cut(n: Network) -> None:
    """A part of an image, or of the channels."""
    value = n.latest()
    axis, first, last = n.pick((2, 1, 2**31), (3, 0, -1), (2, 0, -2), (1, 0, max(1, value.channels // 2)))
    part = n.node("Slice", [value.name, n.integers(first), n.integers(last), n.integers(axis)])
    if axis == 1:
        n.add(part, value, last)
    else:
        n.add(part, value, None, f"cut{axis, first, last}")


def pad(n: Network) -> None:
    """Padding of its own."""
    value = n.latest()
    pads = n.pick((0, 0, 1, 1, 0, 0, 1, 1), (0, 0, 0, 2, 0, 0, 1, 0))
    mode = n.pick("constant", "constant", "reflect", "edge")
    n.add(n.node("Pad", [value.name, n.integers(*pads)], mode=mode), value, None, f"pad{pads}")


def to_space(n: Network) -> None:
    """Four channels become four pixels."""
    value = n.latest()
    if value.channels % 4 == 0:
        n.add(n.node("DepthToSpace", [value.name], blocksize=2), value, value.channels // 4, "space")


def split(n: Network) -> None:
    """Halves of the channels, in the other order."""
    value = n.latest()
    if value.channels % 2 == 0:
        halves = [n.name(), n.name()]
        n.net.node("Split", [value.name], halves, axis=1, **({"num_outputs": 2} if n.net.opset >= 18 else {}))
        n.add(n.node("Concat", halves[::-1], axis=1), value)


def branch(n: Network) -> None:
    """An If whose condition is the height of the image; one branch holds a convolution with ReLU."""
    value = n.latest()
    height = n.node("Slice", [n.node("Shape", [n.values[0].name]), n.integers(2), n.integers(3)])
    condition = n.node("Squeeze", [n.node("Less", [height, n.integers(16)])])
    name, weight = n.name(), n.net.random(f"{n.name()}.w", value.channels, value.channels, 3, 3)
    nodes = [
        helper.make_node("Conv", [value.name, weight], [f"{name}.c"], f"{name}.conv", pads=[1] * 4),
        helper.make_node("Relu", [f"{name}.c"], [f"{name}.r"], f"{name}.relu"),
    ]
    other = [helper.make_node("Neg", [value.name], [f"{name}.n"], f"{name}.neg")]
    then, otherwise = _body(nodes), _body(other)
    n.add(n.net.node("If", [condition], name, then_branch=then, else_branch=otherwise), value)


def _body(nodes: Sequence[onnx.NodeProto]) -> onnx.GraphProto:
    """A branch that gives an image, the last node's output."""
    name = nodes[-1].output[0]
    return helper.make_graph(
        nodes, name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4)]
    )


STEPS = {
    step.__name__: step
    for step in (
        conv,
        norm,
        relu,
        clip,
        other_activation,
        pool,
        add,
        concat,
        scale,
        lrn,
        identity,
        transpose,
        upsample,
        resize_to,
        expand,
        reshape,
        cut,
        pad,
        to_space,
        split,
        branch,
    )
}
#: Layers as networks have them; single steps come between, so that many are almost a site.
MOTIFS = (
    ("conv", "relu"),
    ("conv", "relu"),
    ("conv", "norm", "clip"),
    ("conv", "scale", "relu", "pool"),
    ("conv", "relu", "pool"),
    ("conv", "pool"),
    ("conv", "identity", "pool", "relu"),
    ("conv", "norm", "add", "relu"),
    ("conv", "add", "relu", "pool"),
    ("conv", "relu", "concat", "pool"),
    ("conv", "relu", "lrn", "pool"),
    ("conv", "relu", "conv", "relu", "resize_to", "add"),
    ("pool", "conv", "relu", "upsample", "resize_to", "concat", "conv", "relu"),
    *((step,) for step in STEPS),
)


def image(n: Network, value: Value) -> str:
    """The image itself."""
    return value.name


def classes(n: Network, value: Value) -> str:
    """A mean of every channel, and two matrices with ReLU between them."""
    flat = n.node("Flatten", [n.node("GlobalAveragePool", [value.name])])
    hidden = n.node(
        "Relu", [n.node("Gemm", [flat, n.net.random(f"{n.name()}.w", 30, value.channels)], transB=1)]
    )
    return n.node("Gemm", [hidden, n.net.random(f"{n.name()}.w", 5, 30)], transB=1)


def pixels(n: Network, value: Value) -> str:
    """The same matrix for every pixel, as in transformers."""
    last = n.node("Transpose", [value.name], perm=[0, 2, 3, 1])
    weight = n.const((n.net.rng.standard_normal((value.channels, 24)) / 2).astype(np.float32))
    total = n.node("Add", [n.node("MatMul", [last, weight]), n.net.random(f"{n.name()}.b", 24)])
    return n.node("Relu", [total])


HEADS = (image, image, classes, classes, pixels)
