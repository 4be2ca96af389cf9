"""Reading a Conv node: geometry, weights, and the BatchNormalization behind it.

BatchNormalization at inference is y = s * (x - m) / sqrt(v + e) + t per channel, so behind a convolution
W' = W * f and b' = (b - m) * f + t with f = s / sqrt(v + e). Factors are computed in float64 and rounded
once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.context import Scope
from spl_onnx.rewrite.rules.base import FloatArray, Refused, label
from spl_onnx.rewrite.rules.window import WindowAttributes, read_window
from spl_onnx.spec.attributes import ConvGeometry


@dataclass(frozen=True)
class ConvShape:
    """What is known of a Conv without touching its weights.

    Attributes:
        spatial: Spatial dimensions, 1 or 2.
        w_shape: `[O,C/group,k...]` as in the model.
        geometry: The convolution, with a height of 1 added where `spatial` is 1.
    """

    spatial: int
    w_shape: tuple[int, ...]
    geometry: ConvGeometry


def constant_float(scope: Scope, node: gs.Node, index: int, what: str) -> FloatArray:
    """Input `index` of `node` as a constant float32 array.

    Raises:
        Refused: It is not constant or has another type.
    """
    tensor = node.inputs[index]
    value = scope.constant(tensor)
    if value is None:
        raise Refused(f"{what} '{tensor.name}' of {label(node)} is not constant")
    if value.dtype != np.float32:
        raise Refused(f"{what} '{tensor.name}' of {label(node)} has type {value.dtype}, wanted float32")
    return value.astype(np.float32, copy=False)


def has_input(node: gs.Node, index: int) -> bool:
    """Whether the optional input `index` is given."""
    return len(node.inputs) > index and not node.inputs[index].is_empty()


def read_conv(scope: Scope, node: gs.Node) -> ConvShape:
    """Geometry of a Conv that can be a site.

    Raises:
        Refused: Weights or bias are not constant float32, or rank, groups or padding are not supported.
    """
    w = constant_float(scope, node, 1, "weights")
    if has_input(node, 2):
        constant_float(scope, node, 2, "bias")
    spatial = w.ndim - 2
    if spatial not in (1, 2):
        raise Refused(f"{label(node)} has {spatial} spatial dimensions, wanted 1 or 2")
    group = int(node.attrs.get("group", 1))
    if group > 1 and w.shape[1] == 1:
        raise Refused(
            f"{label(node)} is depthwise (one channel per group): too little work per output to predict"
        )
    shape = scope.shape(node.inputs[0])
    window = read_window(node, tuple(w.shape[2:]), None if shape is None else shape[2:])
    return ConvShape(spatial, tuple(w.shape), _geometry(node, window, group))


def _geometry(node: gs.Node, window: WindowAttributes, group: int) -> ConvGeometry:
    lifted = window.lifted()
    try:
        return ConvGeometry(lifted.strides, lifted.pads, lifted.dilations, group)
    except ModelError as error:
        raise Refused(f"{label(node)}: {error}") from error


def check_norm(scope: Scope, node: gs.Node, channels: int) -> None:
    """Refuse a BatchNormalization that cannot be folded.

    Raises:
        Refused: Training mode, or a parameter that is not constant float32 with one value per channel.
    """
    if int(node.attrs.get("training_mode", 0)) == 1:
        raise Refused(f"{label(node)} is in training mode")
    for index, what in enumerate(("scale", "shift", "mean", "variance"), start=1):
        values = constant_float(scope, node, index, what)
        if values.shape != (channels,):
            raise Refused(f"{what} of {label(node)} has shape {list(values.shape)}, wanted [{channels}]")


def folded_weights(scope: Scope, node: gs.Node, norms: list[gs.Node]) -> tuple[FloatArray, FloatArray]:
    """Weights `[O,kH,kW,C/group]` and bias `[O]` of a Conv with the BatchNormalizations behind it."""
    w = constant_float(scope, node, 1, "weights")
    if w.ndim == 3:
        w = w[:, :, None, :]
    b = constant_float(scope, node, 2, "bias") if has_input(node, 2) else np.zeros(w.shape[0], np.float32)
    channels_last = np.ascontiguousarray(w.transpose(0, 2, 3, 1))
    if not norms:
        return channels_last, np.array(b)
    factor: npt.NDArray[np.float64] = np.ones(w.shape[0])
    shift = b.astype(np.float64)
    for norm in norms:
        scale, offset, mean, variance = (
            constant_float(scope, norm, i, "parameter").astype(np.float64) for i in range(1, 5)
        )
        f = scale / np.sqrt(variance + float(norm.attrs.get("epsilon", 1e-5)))
        factor, shift = factor * f, (shift - mean) * f + offset
    return (channels_last * factor[:, None, None, None]).astype(np.float32), shift.astype(np.float32)
