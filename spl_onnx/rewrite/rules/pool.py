"""Reading a MaxPool node as the pooling window of a site."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.context import Scope
from spl_onnx.rewrite.rules.base import Refused, attributes, label
from spl_onnx.rewrite.rules.window import read_window
from spl_onnx.spec.attributes import MAX_WINDOW, Pooling


def read_pool(scope: Scope, node: gs.Node | None, spatial: int) -> Pooling:
    """The window of `node`, with a height of 1 added to one spatial dimension; none without a node.

    Raises:
        Refused: The operators cannot express the window.
    """
    if node is None:
        return Pooling.none()
    given = attributes(node)
    kernel = given.integers("kernel_shape", least=1)
    if len(kernel) != spatial:
        raise Refused(f"{label(node)} has {len(kernel)} spatial dimensions, wanted {spatial}")
    dilations = given.integers("dilations", default=[1])
    if any(d != 1 for d in dilations):
        raise Refused(f"{label(node)} has dilations {list(dilations)}, wanted 1")
    if given.integer("storage_order", 0) != 0:
        raise Refused(f"{label(node)} stores columns first")
    shape = scope.shape(node.inputs[0])
    window = read_window(node, kernel, None if shape is None else shape[2:]).lifted()
    if window.kernel[0] * window.kernel[1] > MAX_WINDOW:
        raise Refused(f"window {list(kernel)} of {label(node)} has more than {MAX_WINDOW} places")
    if window.kernel == (1, 1):
        raise Refused(f"window {list(kernel)} of {label(node)} pools nothing")
    for i, pad in enumerate(window.pads):
        if pad >= window.kernel[i % 2]:
            raise Refused(
                f"pads {list(window.pads)} of {label(node)} are not smaller than its window {list(kernel)}"
            )
    try:
        return Pooling(window.kernel, window.strides, window.pads, given.integer("ceil_mode", 0) == 1)
    except ModelError as error:
        raise Refused(f"{label(node)}: {error}") from error
