"""Reading a MaxPool node as the pooling window of a site."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_graphsurgeon as gs

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.graph.symbolic import Dim
from spl_onnx.rewrite.rules.site import Refused, attributes, label
from spl_onnx.rewrite.rules.window import WindowAttributes, read_window
from spl_onnx.spec.attributes import MAX_WINDOW, Pooling


def _may_start_beyond(window: WindowAttributes, direction: int, sizes: Sequence[Dim] | None) -> bool:
    """Whether in ceil mode a last window may start beyond the input and its leading padding.

    Before 1.21 ONNX Runtime keeps such a window, which has no value.

    Args:
        window: The window, of two directions.
        direction: 0 = down, 1 = right.
        sizes: Of the input, as far as known; those of the last directions.
    """
    kernel, stride = window.kernel[direction], window.strides[direction]
    begin, end = window.pads[direction], window.pads[direction + 2]
    size = sizes[direction - 2] if sizes is not None and len(sizes) >= 2 - direction else None
    if isinstance(size, int):
        room = size + begin + end - kernel
        return -(-room // stride) * stride >= size + begin
    return stride + end > kernel


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
    if shape is not None and len(shape) != spatial + 2:
        raise Refused(f"input of {label(node)} has rank {len(shape)}, wanted {spatial + 2}")
    sizes = None if shape is None else shape[2:]
    window = read_window(node, kernel, sizes).lifted()
    if window.kernel[0] * window.kernel[1] > MAX_WINDOW:
        raise Refused(f"window {list(kernel)} of {label(node)} has more than {MAX_WINDOW} places")
    if window.kernel == (1, 1):
        raise Refused(f"window {list(kernel)} of {label(node)} pools nothing")
    for i, pad in enumerate(window.pads):
        if pad >= window.kernel[i % 2]:
            raise Refused(
                f"pads {list(window.pads)} of {label(node)} are not smaller than its window {list(kernel)}"
            )
    ceil = given.integer("ceil_mode", 0) == 1
    if ceil and any(_may_start_beyond(window, i, sizes) for i in range(2)):
        raise Refused(
            f"the last window of {label(node)} (ceil_mode) may start beyond its input; "
            "releases of ONNX Runtime differ on whether it counts"
        )
    try:
        return Pooling(window.kernel, window.strides, window.pads, ceil)
    except ModelError as error:
        raise Refused(f"{label(node)}: {error}") from error
