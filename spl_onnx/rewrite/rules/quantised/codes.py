"""Reading QuantizeLinear and DequantizeLinear: the code of a tensor of bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.arrays import Array
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.constants import constant_float, has_input
from spl_onnx.rewrite.rules.site import FloatArray, Refused, label

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
_STANDARD = (None, "", "ai.onnx")
#: The least scale that the operators take: the smallest normal float32.
_LEAST_SCALE = float(np.finfo(np.float32).tiny)


class ByteCode(NamedTuple):
    """A byte q stands for (q - zero_point) * scale.

    Attributes:
        scale: Exactly a float32.
        zero_point: 0 to 255.
    """

    scale: float
    zero_point: int

    @property
    def least(self) -> float:
        """What byte 0 stands for, rounded to float32 as DequantizeLinear does."""
        return float(np.float32(-self.zero_point) * np.float32(self.scale))

    @property
    def largest(self) -> float:
        """What byte 255 stands for."""
        return float(np.float32(255 - self.zero_point) * np.float32(self.scale))

    def array(self) -> FloatArray:
        """As QSRMM takes it, float32 `[2]`."""
        return np.array(self, np.float32)


def writer(tensor: gs.Tensor, op: str) -> gs.Node | None:
    """The node that writes `tensor`, where it is the only one and of this type."""
    node = tensor.inputs[0] if len(tensor.inputs) == 1 else None
    return node if node is not None and node.op == op and node.domain in _STANDARD else None


def bytes_behind(scope: Scope, tensor: gs.Tensor) -> tuple[gs.Tensor, ByteCode]:
    """The bytes that DequantizeLinear makes `tensor` of, and their code.

    Raises:
        Refused: It is made in another way, or `read_code` refuses.
    """
    node = writer(tensor, DEQUANTIZE)
    if node is None:
        raise Refused(f"'{tensor.name}' is no output of {DEQUANTIZE}")
    return node.inputs[0], read_code(scope, node)


def read_code(scope: Scope, node: gs.Node) -> ByteCode:
    """The code of a QuantizeLinear or DequantizeLinear.

    Raises:
        Refused: It has other values than unsigned bytes, more than one scale, or one out of range.
    """
    scale = constant_float(scope, node, 1, "scale")
    if scale.size != 1:
        raise Refused(f"scale of {label(node)} has shape {list(scale.shape)}, wanted one for the tensor")
    value = float(scale.reshape(-1)[0])
    if not _LEAST_SCALE <= value < np.inf:
        raise Refused(f"scale of {label(node)} is {value}, wanted a finite one from {_LEAST_SCALE:.3g}")
    zero = zero_point(scope, node)
    if zero is None:
        if node.op == DEQUANTIZE or node.attrs.get("output_dtype"):
            raise Refused(f"{label(node)} has no zero point, which would tell its type")
        return ByteCode(value, 0)
    if zero.dtype != np.uint8 or zero.size != 1:
        raise Refused(
            f"{label(node)} has {zero.dtype} {list(zero.shape)}, wanted one uint8 for its zero point"
        )
    return ByteCode(value, int(zero.reshape(-1)[0]))


def zero_point(scope: Scope, node: gs.Node) -> Array | None:
    """The zero points of a node; None where it has none.

    Raises:
        Refused: They are not constant.
    """
    if not has_input(node, 2):
        return None
    zero = scope.constant(node.inputs[2])
    if zero is None:
        raise Refused(f"zero point '{node.inputs[2].name}' of {label(node)} is not constant")
    return zero
