"""Which operators can work on channels-last images, and what changes in them.

A handler looks at one node that reads images of rank 4 and says how it reads them channels last, or None when
it cannot. `find_move` knows all handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.rewrite.graph.channels_last import TO_NHWC
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.constants import has_input
from spl_onnx.rewrite.rules.pool import read_pool
from spl_onnx.rewrite.rules.site import Refused, attributes, label
from spl_onnx.spec.attributes import DOMAIN_CONV, GLOBAL_AVERAGE, MAX_POOL, pool_attributes

#: Where each dimension of `[N,C,H,W]` is in `[N,H,W,C]`.
PLACE = tuple(TO_NHWC.index(axis) for axis in range(4))

_UNARY = (
    *("Relu", "LeakyRelu", "Clip", "Elu", "Selu", "Celu", "ThresholdedRelu", "Gelu", "Mish"),
    *("Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus", "Softsign", "Erf"),
    *("Identity", "Dropout", "Cast", "Not"),
    *("Abs", "Neg", "Sign", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round"),
)
_BROADCAST = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu", "Where")
_REDUCE = ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum")
#: First opset in which an operator has its axes as an input.
_AXES_INPUT = {"ReduceMean": 18, "ReduceMax": 18, "ReduceMin": 18, "ReduceSum": 13, "Squeeze": 13}


@dataclass(eq=False)
class LayoutMove:
    """How one node works on channels-last images.

    Attributes:
        node: The node.
        op: Its operator type from then on.
        images: Indices of the inputs that are images; they come transposed.
        attrs: Its attributes from then on.
        constants: Inputs from then on that are other constants than before, in order of their index.
        makes_images: Whether the outputs are images, channels last too; else they are as before.
        domain: Domain of the operator.
        inputs: How many inputs it has at most from then on; None = as many as before.
    """

    node: gs.Node
    op: str
    images: tuple[int, ...]
    attrs: dict[str, object]
    constants: dict[int, Array] = field(default_factory=dict)
    makes_images: bool = True
    domain: str | None = None
    inputs: int | None = None

    @property
    def sources(self) -> list[gs.Tensor]:
        """The images that the node reads."""
        return [self.node.inputs[index] for index in self.images]

    @property
    def results(self) -> list[gs.Tensor]:
        """The images that the node writes."""
        return list(self.node.outputs) if self.makes_images else []


Handler = Callable[[Scope, gs.Node], LayoutMove | None]


def find_move(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """How `node` works on channels-last images; None when it must stay as it is."""
    handler = _HANDLERS.get(node.op)
    if handler is None or node.domain not in (None, "", "ai.onnx") or not node.inputs:
        return None
    if len(node.outputs) != 1 and node.op != "Split":
        return None
    try:
        return handler(scope, node)
    except (Refused, ModelError):  # attributes or constants that nothing can mean
        return None


def is_image(scope: Scope, tensor: gs.Tensor) -> bool:
    """Whether `tensor` has four dimensions and is computed."""
    return scope.rank(tensor) == 4 and scope.constant(tensor) is None


def _is_float_image(scope: Scope, tensor: gs.Tensor) -> bool:
    return is_image(scope, tensor) and scope.element_type(tensor) == onnx.TensorProto.FLOAT


def _unary(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """Every element for itself; further inputs are single numbers."""
    if node.op == "Dropout" and has_input(node, 2):
        return None
    return LayoutMove(node, node.op, (0,), dict(node.attrs)) if is_image(scope, node.inputs[0]) else None


def _code(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """To bytes or back, by one scale."""
    scale = scope.constant(node.inputs[1]) if has_input(node, 1) else None
    return _unary(scope, node) if scale is not None and scale.size == 1 else None


def _broadcast(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """Images of rank 4 with each other, with constants and with single numbers."""
    return None if {"axis", "broadcast"} & set(node.attrs) else _joint(scope, node)


def _joint(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """A node all of whose inputs are images, constants or single numbers."""
    images, constants = [], {}
    for index, tensor in enumerate(node.inputs):
        value = scope.constant(tensor)
        if value is not None and value.ndim <= 4:
            constants[index] = _channels_last(value)
        elif value is None and scope.rank(tensor) == 4:
            images.append(index)
        elif scope.rank(tensor) != 0:
            return None
    return LayoutMove(node, node.op, tuple(images), dict(node.attrs), constants) if images else None


def _channels_last(value: Array) -> Array:
    """A constant that broadcasts against `[N,C,H,W]`, for `[N,H,W,C]`."""
    whole = value.reshape((1,) * (4 - value.ndim) + value.shape)
    return np.ascontiguousarray(whole.transpose(TO_NHWC))


def _concat(scope: Scope, node: gs.Node) -> LayoutMove | None:
    move = _joint(scope, node) if all(scope.rank(tensor) == 4 for tensor in node.inputs) else None
    return None if move is None else _with_axis(move)


def _split(scope: Scope, node: gs.Node) -> LayoutMove | None:
    if not is_image(scope, node.inputs[0]):
        return None
    return _with_axis(LayoutMove(node, node.op, (0,), {"axis": 0, **node.attrs}))


def _softmax(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """From opset 13 on along one axis; before over all axes from it on."""
    if scope.model.opset < 13 or not is_image(scope, node.inputs[0]):
        return None
    return _with_axis(LayoutMove(node, node.op, (0,), {"axis": -1, **node.attrs}))


def _with_axis(move: LayoutMove) -> LayoutMove:
    move.attrs["axis"] = _places([Attributes(move.attrs, label(move.node)).integer("axis")])[0]
    return move


def _slice(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """Bounds stay; the axes they belong to are written out."""
    if not is_image(scope, node.inputs[0]):
        return None
    if scope.model.opset < 10:
        given = attributes(node)
        axes = given.integers("axes", default=range(len(given.integers("starts"))))
        return LayoutMove(node, node.op, (0,), {**node.attrs, "axes": _places(axes)})
    if not (has_input(node, 1) and has_input(node, 2)):
        return None
    named = _constant_row(scope, node, 3) if has_input(node, 3) else _first_axes(scope, node.inputs[1])
    if named is None:
        return None
    places = np.array(_places(named), named.dtype)
    return LayoutMove(node, node.op, (0,), dict(node.attrs), {3: places})


def _first_axes(scope: Scope, starts: gs.Tensor) -> Array | None:
    """The axes of a Slice that names none: one for each bound."""
    shape = scope.shape(starts)
    count = shape[0] if shape is not None and len(shape) == 1 else None
    return np.arange(count) if isinstance(count, int) and count <= 4 else None


def _pad(scope: Scope, node: gs.Node) -> LayoutMove | None:
    if not is_image(scope, node.inputs[0]) or scope.model.opset < 2:
        return None
    if scope.model.opset < 11:
        return LayoutMove(
            node, node.op, (0,), {**node.attrs, "pads": _pads(attributes(node).integers("pads", 8))}
        )
    pads = _constant_row(scope, node, 1)
    axes = _constant_row(scope, node, 3) if has_input(node, 3) else np.arange(4)
    if pads is None or axes is None or len(pads) != 2 * len(axes) or len(set(_places(axes))) != len(axes):
        return None
    # All axes are written out: ONNX Runtime moves Transposes through a Pad as if it had no input `axes`.
    whole = np.zeros(8, pads.dtype)
    for index, axis in enumerate(axes):
        whole[[axis % 4, axis % 4 + 4]] = pads[[index, index + len(axes)]]
    moved = np.array(_pads(whole), pads.dtype)
    return LayoutMove(node, node.op, (0,), dict(node.attrs), {1: moved}, inputs=3)


def _pads(pads: Any) -> list[int]:
    """Begins and ends of all four axes, in the other order."""
    return [int(pads[start + axis]) for start in (0, 4) for axis in TO_NHWC]


def _places(axes: Any) -> list[int]:
    """Where axes of `[N,C,H,W]` are channels last.

    Raises:
        Refused: There is no such axis.
    """
    if not all(-4 <= int(axis) < 4 for axis in axes):
        raise Refused(f"axes {list(axes)[:8]} are not all of an image, wanted -4 to 3")
    return [PLACE[int(axis) % 4] for axis in axes]


def _constant_row(scope: Scope, node: gs.Node, index: int) -> Array | None:
    """Input `index` as a constant row of whole numbers; None where it is none."""
    value = scope.constant(node.inputs[index]) if has_input(node, index) else None
    return value if value is not None and value.ndim == 1 and value.dtype.kind == "i" else None


def _reduce(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """Over channels and more. Without them ONNX Runtime is slower channels last, by more than Transposes."""
    axes = _axes(scope, node)
    if axes is None or 1 not in axes or not is_image(scope, node.inputs[0]):
        return None
    return _over(scope, node, axes, keep=attributes(node).integer("keepdims", 1) == 1)


def _squeeze(scope: Scope, node: gs.Node) -> LayoutMove | None:
    axes = _axes(scope, node)
    if axes is None or not is_image(scope, node.inputs[0]):
        return None
    return _over(scope, node, axes, keep=False)


def _global_average(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """ReduceMean would be standard, but ONNX Runtime needs longer for it than for Transposes and pooling."""
    if not _is_float_image(scope, node.inputs[0]):
        return None
    return LayoutMove(node, GLOBAL_AVERAGE, (0,), {}, domain=DOMAIN_CONV)


def _max_pool(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """ONNX has no MaxPool of channels-last images: the auxiliary operator."""
    if not _is_float_image(scope, node.inputs[0]):
        return None
    try:
        pooling = read_pool(scope, node, spatial=2)
    except Refused:
        return None
    return LayoutMove(node, MAX_POOL, (0,), pool_attributes(pooling), domain=DOMAIN_CONV)


def _flatten(scope: Scope, node: gs.Node) -> LayoutMove | None:
    """Images of one pixel are the same row of numbers in both layouts."""
    shape = scope.shape(node.inputs[0])
    if not is_image(scope, node.inputs[0]) or shape is None or shape[2:] != (1, 1):
        return None
    if attributes(node).integer("axis", 1) != 1:
        return None
    return LayoutMove(node, node.op, (0,), dict(node.attrs), makes_images=False)


def _axes(scope: Scope, node: gs.Node) -> list[int] | None:
    """The axes that a node names, not negative; None when they are not known or not named."""
    axes: Any
    if scope.model.opset < _AXES_INPUT[node.op]:
        axes = attributes(node).integers("axes", default=())
    else:
        axes = _constant_row(scope, node, 1)
    if axes is None or len(axes) == 0 or not all(-4 <= int(axis) < 4 for axis in axes):
        return None
    return [int(axis) % 4 for axis in axes]


def _over(scope: Scope, node: gs.Node, axes: list[int], keep: bool) -> LayoutMove | None:
    """A node that reduces or drops `axes`, given in the places of `[N,C,H,W]`."""
    left = [PLACE[axis] for axis in range(4) if axis not in axes]
    if not keep and left != sorted(left):
        return None
    if scope.model.opset < _AXES_INPUT[node.op]:
        return LayoutMove(node, node.op, (0,), {**node.attrs, "axes": _places(axes)}, makes_images=keep)
    constants = {1: np.array(_places(axes), np.int64)}
    return LayoutMove(node, node.op, (0,), dict(node.attrs), constants, makes_images=keep)


_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys(_REDUCE, _reduce),
    "Concat": _concat,
    "DequantizeLinear": _code,
    "Flatten": _flatten,
    "GlobalAveragePool": _global_average,
    "LogSoftmax": _softmax,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "QuantizeLinear": _code,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
}
