"""Strides, pads and dilations of Conv and MaxPool, with automatic padding worked out."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_graphsurgeon as gs

from spl_onnx.rewrite.graph.symbolic import Dim
from spl_onnx.rewrite.rules.site import Refused, attributes, label


@dataclass(frozen=True)
class WindowAttributes:
    """Window of 1 or 2 spatial dimensions; pads are all begins, then all ends."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    def lifted(self) -> WindowAttributes:
        """The same for images: a height of 1 is added to one spatial dimension."""
        if len(self.kernel) == 2:
            return self
        begin, end = self.pads
        return WindowAttributes(
            (1, *self.kernel), (1, *self.strides), (0, begin, 0, end), (1, *self.dilations)
        )


def read_window(node: gs.Node, kernel: tuple[int, ...], sizes: tuple[Dim, ...] | None) -> WindowAttributes:
    """The window of a Conv or MaxPool.

    Args:
        node: The node.
        kernel: Its kernel size.
        sizes: Spatial dimensions of its input, as far as known.

    Raises:
        Refused: Padding depends on a size that is not known, or would be negative.
    """
    count = len(kernel)
    given = attributes(node)
    strides = given.integers("strides", count, [1] * count, least=1)
    dilations = given.integers("dilations", count, [1] * count, least=1)
    auto = given.word("auto_pad", "NOTSET")
    if auto == "VALID":
        pads: tuple[int, ...] = (0,) * (2 * count)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same_pads(node, kernel, strides, dilations, sizes, auto == "SAME_UPPER")
    elif auto in ("NOTSET", ""):
        pads = given.integers("pads", 2 * count, [0] * (2 * count))
    else:
        raise Refused(f"{label(node)} has auto_pad {auto}, wanted NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    if sizes is not None and 0 in sizes:
        raise Refused(f"{label(node)} works on images without a single place")
    if any(pad < 0 for pad in pads):
        raise Refused(f"{label(node)} has negative pads {list(pads)}")
    return WindowAttributes(kernel, strides, pads, dilations)


def _same_pads(
    node: gs.Node,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    sizes: tuple[Dim, ...] | None,
    upper: bool,
) -> tuple[int, ...]:
    """Pads for which the output has ceil(size / stride) places; the odd one goes to the end when `upper`."""
    begins, ends = [], []
    for i, (k, stride, dilation) in enumerate(zip(kernel, strides, dilations, strict=True)):
        reach = (k - 1) * dilation + 1
        size = sizes[i] if sizes is not None else None
        if stride == 1:
            total = reach - 1
        elif isinstance(size, int):
            total = (-(-size // stride) - 1) * stride + reach - size
            if total < -1:
                # ONNX Runtime crops half of it off at the beginning; of -1 that is nothing.
                raise Refused(
                    f"{label(node)} pads automatically by {total}: stride {stride} passes its window {reach}"
                )
        else:
            raise Refused(
                f"{label(node)} pads automatically with stride {stride}, and its input size is not known"
            )
        total = max(total, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if upper else large)
        ends.append(large if upper else small)
    return (*begins, *ends)
