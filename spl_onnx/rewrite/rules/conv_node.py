"""Reading a Conv node: geometry, weights, and the BatchNormalization behind it.

BatchNormalization at inference is y = s * (x - m) / sqrt(v + e) + t per channel, so behind a convolution
W' = W * f and b' = (b - m) * f + t with f = s / sqrt(v + e). Factors are computed in float64 and rounded
once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.affine import affine_terms
from spl_onnx.rewrite.rules.constants import constant_float, has_input
from spl_onnx.rewrite.rules.site import Folded, Refused, attributes, label
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


def is_depthwise(scope: Scope, node: gs.Node) -> bool:
    """Whether a Conv has more than one group, and one channel in each."""
    w = scope.constant(node.inputs[1]) if has_input(node, 1) else None
    return w is not None and sees_one_channel(node, w.shape)


def sees_one_channel(node: gs.Node, w_shape: tuple[int, ...]) -> bool:
    """Whether a Conv whose weights have the shape `w_shape` has groups of one channel."""
    return node.attrs.get("group", 1) != 1 and len(w_shape) > 2 and w_shape[1] == 1


def read_conv(scope: Scope, node: gs.Node, depthwise: bool = False) -> ConvShape:
    """Geometry of a Conv that can be a site.

    Args:
        scope: The graph.
        node: The Conv.
        depthwise: Whether one with one channel for each group is wanted; it has as many outputs then.

    Raises:
        Refused: Weights or bias are not constant float32, or rank, groups or padding are not supported.
    """
    w = constant_float(scope, node, 1, "weights")
    shape = conv_shape(scope, node, w.shape, depthwise)
    if has_input(node, 2) and (bias := constant_float(scope, node, 2, "bias").shape) != w.shape[:1]:
        raise Refused(f"bias of {label(node)} has shape {list(bias)}, wanted {list(w.shape[:1])}")
    return shape


def conv_shape(scope: Scope, node: gs.Node, w_shape: tuple[int, ...], depthwise: bool = False) -> ConvShape:
    """Geometry of a Conv whose weights have the shape `w_shape`; arguments and errors as `read_conv`."""
    spatial = len(w_shape) - 2
    if spatial not in (1, 2):
        raise Refused(f"{label(node)} has {spatial} spatial dimensions, wanted 1 or 2")
    if 0 in w_shape:
        raise Refused(f"weights of {label(node)} have shape {list(w_shape)}, wanted sizes above 0")
    group = attributes(node).integer("group", 1, least=1)
    if group > 1 and w_shape[1] == 1 and not depthwise:
        raise Refused(
            f"{label(node)} is depthwise (one channel per group): too little work per output to predict"
        )
    if depthwise and w_shape[0] != group:
        raise Refused(f"{label(node)} has {w_shape[0]} outputs of {group} channels, wanted one of each")
    x = scope.shape(node.inputs[0])
    if x is not None and (len(x) != len(w_shape) or (isinstance(x[1], int) and x[1] != w_shape[1] * group)):
        raise Refused(
            f"input of {label(node)} has shape {list(x)}, wanted {len(w_shape)} dimensions and "
            f"{w_shape[1] * group} channels, as its weights {list(w_shape)} say"
        )
    window = read_window(node, tuple(w_shape[2:]), None if x is None else x[2:])
    return ConvShape(spatial, tuple(w_shape), _geometry(node, window, group))


def _geometry(node: gs.Node, window: WindowAttributes, group: int) -> ConvGeometry:
    lifted = window.lifted()
    try:
        return ConvGeometry(lifted.strides, lifted.pads, lifted.dilations, group)
    except ModelError as error:
        raise Refused(f"{label(node)}: {error}") from error


def folded_weights(scope: Scope, node: gs.Node, affine: list[gs.Node]) -> Folded:
    """Weights `[O,kH,kW,C/group]` and bias `[O]` of a Conv with the affine nodes behind it.

    Raises:
        Refused: An affine node cannot be folded.
    """
    w = constant_float(scope, node, 1, "weights")
    rank = w.ndim
    if rank == 3:
        w = w[:, :, None, :]
    channels = w.shape[0]
    b = constant_float(scope, node, 2, "bias") if has_input(node, 2) else np.zeros(channels, np.float32)
    channels_last = np.ascontiguousarray(w.transpose(0, 2, 3, 1))
    if not affine:
        return Folded(channels_last, np.array(b))
    factor, shift = np.ones(channels), b.astype(np.float64)
    for step in affine:
        f, t = affine_terms(scope, step, channels, rank)
        factor, shift = factor * f, shift * f + t
    w = (channels_last * factor[:, None, None, None]).astype(np.float32)
    return Folded(w, shift.astype(np.float32))
