"""What is sampled of a layer: a cell of its outputs, with every window that may select one of them.

The outputs are tiled by cells as large as the strides of the window, from the first place of the padding on.
All windows that share a place with a cell form its block. So a block knows which outputs of its cell are
computed: it holds every window that could ask for them, overlapping ones too. Without pooling a block is one
output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.spec.attributes import Pooling

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Direction:
    """Blocks down or right.

    Attributes:
        kernel: Places of a window.
        stride: Step between windows, and places of a cell.
        pad: Padding before the first place.
    """

    kernel: int
    stride: int
    pad: int

    @property
    def reach(self) -> int:
        """Windows that may share a place with a cell."""
        return -(-self.kernel // self.stride)

    @property
    def size(self) -> int:
        """Places of a block."""
        return (self.reach - 1) * self.stride + self.kernel

    @property
    def own(self) -> Ints:
        """Places of a block that belong to its cell; where windows leave gaps, those of the window only."""
        first = (self.reach - 1) * self.stride
        return np.arange(first, min(first + self.stride, self.size))

    def cells(self, places: int, windows: int) -> int:
        """Cells that cover all places, and every window `reach` times.

        Args:
            places: Outputs of the layer.
            windows: Outputs behind the pooling.
        """
        return max(windows + self.reach - 1, (places - 1 + self.pad) // self.stride + 1)

    def place(self, cell: Ints) -> Ints:
        """Output of the layer at each place of a block, [..., size]; outside the layer in the padding."""
        start = (cell - self.reach + 1) * self.stride - self.pad
        return np.asarray(start[..., None] + np.arange(self.size), np.int64)

    def window(self, cell: Ints) -> Ints:
        """Output behind the pooling of each window of a block, [..., reach]."""
        return np.asarray(cell[..., None] + np.arange(1 - self.reach, 1), np.int64)

    def outputs(self, cell: Ints, places: int) -> Ints:
        """How many outputs of the layer lie in a cell."""
        start = cell * self.stride - self.pad
        inside = np.minimum(start + self.stride, places) - np.maximum(start, 0)
        return np.asarray(np.maximum(inside, 0), np.int64)


@dataclass(frozen=True)
class Block:
    """Blocks of a pooling window, rows first.

    Attributes:
        down: Of rows.
        right: Of columns.
    """

    down: Direction
    right: Direction

    @classmethod
    def of(cls, pooling: Pooling) -> Block:
        """The blocks of `pooling`."""
        return cls(*(Direction(pooling.kernel[i], pooling.strides[i], pooling.pads[i]) for i in (0, 1)))

    @property
    def places(self) -> int:
        """Places of a block."""
        return self.down.size * self.right.size

    @property
    def windows(self) -> int:
        """Windows of a block."""
        return self.down.reach * self.right.reach

    def window_places(self) -> Ints:
        """[windows, area]: the place in the block of each place of each window, both in row-major order."""
        rows, columns = (
            np.arange(d.reach)[:, None] * d.stride + np.arange(d.kernel) for d in (self.down, self.right)
        )
        grid = rows[:, None, :, None] * self.right.size + columns[None, :, None, :]
        return grid.reshape(self.windows, -1)

    def own_places(self) -> Ints:
        """[own]: the places that belong to the cell, in row-major order."""
        return (self.down.own[:, None] * self.right.size + self.right.own).reshape(-1)
