"""Weights and bias of a quantised layer, as the model's own whole numbers and scales."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx_graphsurgeon as gs

from spl_onnx.arrays import Array
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.constants import constant_float, has_input
from spl_onnx.rewrite.rules.quantised.codes import DEQUANTIZE, QUANTIZE, writer, zero_point
from spl_onnx.rewrite.rules.site import FloatArray, Refused, attributes, label
from spl_onnx.spec.checks import MAX_INT8_PRODUCTS

#: Zero points of weights that are symmetric, by type.
_SYMMETRIC: dict[np.dtype[Any], int] = {np.dtype(np.int8): 0, np.dtype(np.uint8): 128}


class ByteWeights(NamedTuple):
    """Weights q * scale.

    Attributes:
        q: int8, shape as in the model.
        scale: float32 `[O]`.
    """

    q: npt.NDArray[np.int8]
    scale: FloatArray


def read_weights(scope: Scope, node: gs.Node, axis: int) -> ByteWeights:
    """Input 1 of a layer, whose outputs lie along `axis`: constants behind DequantizeLinear.

    Raises:
        Refused: They are something else, not symmetric, or have other scales than one or one per output.
    """
    tensor = node.inputs[1]
    made = writer(tensor, DEQUANTIZE)
    if made is None:
        raise Refused(f"weights '{tensor.name}' of {label(node)} are no output of {DEQUANTIZE}")
    codes = scope.constant(made.inputs[0])
    if codes is None:
        codes = _quantised(scope, made.inputs[0])
    if codes is None:
        raise Refused(f"weights '{made.inputs[0].name}' of {label(made)} are not constant")
    if codes.dtype not in _SYMMETRIC or not codes.size:
        raise Refused(f"weights of {label(made)} are {codes.dtype} {list(codes.shape)}, wanted int8 or uint8")
    middle = _SYMMETRIC[codes.dtype]
    zero = zero_point(scope, made)
    if np.any((0 if zero is None else zero) != np.array(middle, codes.dtype)):
        raise Refused(f"weights of {label(made)} are not symmetric: {codes.dtype} with another zero point")
    q = (codes.astype(np.int16) - middle).astype(np.int8)
    return ByteWeights(q, _scales(scope, made, q.shape, axis))


def require_length(node: gs.Node, w: ByteWeights) -> None:
    """Refuse a layer, whose outputs lie first in `w`, that sums more products than 32 bits hold.

    Raises:
        Refused: It does.
    """
    if (length := int(np.prod(w.q.shape[1:]))) > MAX_INT8_PRODUCTS:
        raise Refused(f"{label(node)} sums {length} products, in 8 bits at most {MAX_INT8_PRODUCTS}")


def _scales(scope: Scope, made: gs.Node, shape: tuple[int, ...], axis: int) -> FloatArray:
    """One scale for each output."""
    scale = constant_float(scope, made, 1, "scale")
    if attributes(made).integer("block_size", 0) != 0:
        raise Refused(f"{label(made)} has scales of blocks, wanted one per output")
    outputs = shape[axis]
    along = attributes(made).integer("axis", 1) % len(shape)
    if scale.size != 1 and (scale.shape != (outputs,) or along != axis % len(shape)):
        raise Refused(
            f"scale of {label(made)} has shape {list(scale.shape)} along axis {along}, wanted one per output"
        )
    limits = np.finfo(np.float32)
    if not ((scale >= limits.tiny) & (scale <= limits.max / 128)).all():
        raise Refused(
            f"scales of {label(made)} are not all positive normal numbers, finite if taken 128 times"
        )
    return np.ascontiguousarray(np.broadcast_to(scale.reshape(-1), (outputs,)))


def _quantised(scope: Scope, tensor: gs.Tensor) -> Array | None:
    """The bytes of float32 constants behind QuantizeLinear, as quantisation-aware training leaves them."""
    node = writer(tensor, QUANTIZE)
    values = None if node is None else scope.constant(node.inputs[0])
    if node is None or values is None or values.dtype != np.float32:
        return None
    scale, zero = constant_float(scope, node, 1, "scale"), zero_point(scope, node)
    if zero is None or zero.dtype not in _SYMMETRIC:
        return None
    along = [1] * values.ndim
    if scale.size != 1:
        along[attributes(node).integer("axis", 1) % values.ndim] = scale.size
    limits = np.iinfo(zero.dtype)
    zeros = zero.astype(np.float32).reshape(along if zero.size == scale.size else [1] * values.ndim)
    levels: Array = np.rint(values.astype(np.float32) / scale.reshape(along)) + zeros
    return np.asarray(np.clip(levels, limits.min, limits.max), zero.dtype)


def read_bias(scope: Scope, node: gs.Node, outputs: int) -> FloatArray:
    """Input 2 of a layer as float32 `[O]`: a constant, or one behind DequantizeLinear; zeros where absent.

    Raises:
        Refused: It is something else.
    """
    if not has_input(node, 2):
        return np.zeros(outputs, np.float32)
    made = writer(node.inputs[2], DEQUANTIZE)
    values = constant_float(scope, node, 2, "bias") if made is None else _dequantised(scope, made)
    if values.size not in (1, outputs) or values.shape[:-1].count(1) != max(values.ndim - 1, 0):
        raise Refused(f"bias of {label(node)} has shape {list(values.shape)}, wanted [{outputs}]")
    return np.ascontiguousarray(np.broadcast_to(values.reshape(-1), (outputs,)))


def _dequantised(scope: Scope, made: gs.Node) -> FloatArray:
    """A row of whole numbers times one scale, or one for each."""
    q, scale = scope.constant(made.inputs[0]), constant_float(scope, made, 1, "scale")
    if q is None or q.dtype not in (np.int32, np.int8, np.uint8):
        raise Refused(f"bias '{made.inputs[0].name}' of {label(made)} is no constant of whole numbers")
    zero = zero_point(scope, made)
    if zero is not None and np.any(zero):
        raise Refused(f"bias of {label(made)} has a zero point")
    if q.ndim > 1 or scale.size not in (1, q.size):
        raise Refused(f"bias of {label(made)} has shape {list(q.shape)} and {scale.size} scales")
    return (q.astype(np.float32) * scale.reshape(-1)).astype(np.float32)
