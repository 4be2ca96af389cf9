"""Random places of a layer: the inputs and residuals there, kept while data streams by.

Matrices are taken as images of one row with a 1x1 kernel; a place is a row of the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.calibrate.blocks import Block
from spl_onnx.calibrate.input_statistics import InputStatistics
from spl_onnx.calibrate.reservoir import Reservoir
from spl_onnx.errors import DataError
from spl_onnx.spec.attributes import ConvGeometry, Pooling
from spl_onnx.spec.quantize import dynamic_scale
from spl_onnx.spec.shapes import conv_direction, pool_direction

Float = NDArray[np.float32]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Patches, residuals and one array of scores stay below this.
MEMORY = 128 << 20
#: Patches are cut out of the input in pieces of about this size.
_PIECE = 8 << 20


@dataclass(frozen=True)
class SiteSamples:
    """Blocks of a layer at random places; see `blocks`. n blocks of A places, G groups, K products, C inputs.

    Attributes:
        patches: [n, A, G, K] float32, the inputs of each place, laid out as the weights; padding is 0.
        inside: [n, A], whether the place lies in the layer (else in the padding of the window).
        windows: [n, windows of a block], whether the window exists.
        outputs: [n] places of the layer in each block's cell.
        residual: [n, A, O] float32, or None.
        scale: [n] float32, the scale an int8 predictor gives the image (or row) the block is from.
        zero_point: [n] float32, likewise.
        image: [n] number of the sample the block is from.
        input_mean: [C] mean of each input channel over all data.
        input_rms: [C] root mean square of each input channel over all data.
    """

    patches: Float
    inside: Mask
    windows: Mask
    outputs: Ints
    residual: Float | None
    scale: Float
    zero_point: Float
    image: Ints
    input_mean: NDArray[np.float64]
    input_rms: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.patches)

    def halves(self) -> tuple[Mask, Mask]:
        """[n] and [n]: the blocks of every other image, and the rest; of one image, every other block."""
        _, number = np.unique(self.image, return_inverse=True)
        first = (number if number.max(initial=0) > 0 else np.arange(len(self))) % 2 == 0
        return first, ~first


class SampleCollector:
    """Keeps random blocks of a layer, as evenly over all samples as they allow, in bounded memory.

    The result depends on the data and the seed, not on how the data is cut into batches.

    Args:
        geometry: The convolution; None for matrices.
        pooling: The window behind it; None is none.
        weight_shape: `[O,kH,kW,C/group]` or `[O,K]`.
        count: Windows wanted; fewer are kept where they would need more than 128 MB.
        seed: Of the random places.
    """

    def __init__(
        self,
        geometry: ConvGeometry | None,
        pooling: Pooling | None,
        weight_shape: tuple[int, ...],
        count: int = 4096,
        seed: int = 0,
    ) -> None:
        self._is_image = geometry is not None
        self._geometry = geometry or ConvGeometry()
        self._pooling = pooling or Pooling.none()
        self._filters = int(weight_shape[0])
        self._kernel = tuple(int(k) for k in weight_shape[1:3]) if self._is_image else (1, 1)
        self._channels = int(weight_shape[-1]) * self._geometry.group
        self.block = Block.of(self._pooling)
        products = self._channels * self._kernel[0] * self._kernel[1]
        places = self.block.places
        fitting = MEMORY // (4 * places * (products + self._filters))
        self.capacity = max(2, min(-(-count // self.block.windows), fitting))
        self._reservoir = Reservoir(self.capacity, seed)
        self._statistics = InputStatistics(self._channels)
        group, n = self._geometry.group, self.capacity
        self._patches = np.empty((n, places, group, products // group), np.float32)
        self._residual: Float | None = None
        self._inside = np.empty((n, places), bool)
        self._windows = np.empty((n, self.block.windows), bool)
        self._outputs = np.empty(n, np.int64)
        self._scale = np.empty((2, n), np.float32)

    def add(self, x: Array, r: Array | None = None) -> None:
        """Sample one batch.

        Args:
            x: `[N,H,W,C]` or `[...,K]` float32.
            r: Residual `[N,oH,oW,O]` or `[...,O]`, or one element; None in every batch or in none.

        Raises:
            DataError: A value is not finite, or shapes do not fit.
        """
        x = x if self._is_image else _as_image(x)
        if x.shape[-1] != self._channels:
            raise DataError(f"input has shape {list(x.shape)}; wanted {self._channels} channels at its end")
        places, windows = self._sizes(x)
        cells = tuple(
            d.cells(p, w)
            for d, p, w in zip((self.block.down, self.block.right), places, windows, strict=True)
        )
        full = None if r is None else self._as_outputs(r, (x.shape[0], *places))
        self._prepare_residual(full)
        self._statistics.add(x)
        scale = np.stack(dynamic_scale(x, (1, 2, 3) if self._is_image else (3,)))[..., 0]
        taken = self._reservoir.offer(x.shape[0], cells[0] * cells[1])
        row, column = np.divmod(taken.unit, cells[1])
        self._note(taken.slot, row, column, places, windows)
        # Images have one scale; rows of matrices have their own.
        within = column if scale.shape[-1] > 1 else np.zeros_like(column)
        self._scale[:, taken.slot] = scale[:, taken.image, 0, within]
        piece = max(1, _PIECE // (4 * int(np.prod(self._patches.shape[1:]))))
        for start in range(0, len(taken.slot), piece):
            part = slice(start, start + piece)
            self._keep(x, full, taken.slot[part], taken.image[part], row[part], column[part], places)

    def finish(self) -> SiteSamples:
        """All that was kept.

        Raises:
            DataError: No data was added.
        """
        order = self._reservoir.order()
        if not len(order):
            raise DataError("no calibration data reached this site; wanted at least one sample")
        residual = None if self._residual is None else _in_order(self._residual, order)
        scale = self._scale[:, order]
        mean, rms = self._statistics.finish()
        return SiteSamples(
            patches=_in_order(self._patches, order),
            inside=self._inside[order],
            windows=self._windows[order],
            outputs=self._outputs[order],
            residual=residual,
            scale=scale[0],
            zero_point=scale[1],
            image=self._reservoir.images(order),
            input_mean=mean,
            input_rms=rms,
        )

    def _sizes(self, x: Array) -> tuple[tuple[int, int], tuple[int, int]]:
        """Places of the layer and windows behind it, down and right."""
        places = [conv_direction(i, x.shape[1 + i], self._kernel, self._geometry) for i in (0, 1)]
        windows = [pool_direction(i, size, self._pooling) for i, size in enumerate(places)]
        return (places[0], places[1]), (windows[0], windows[1])

    def _as_outputs(self, r: Array, places: tuple[int, ...]) -> Array:
        """The residual as `[N,oH,oW,O]`."""
        shape = (*places, self._filters)
        if r.size == 1:
            return np.broadcast_to(r.reshape(1, 1, 1, 1), shape)
        made = r if self._is_image else _as_image(r)
        if made.shape != shape:
            raise DataError(f"residual has shape {list(r.shape)}; wanted {list(shape)}, the layer's output")
        return made

    def _prepare_residual(self, r: Array | None) -> None:
        if len(self._reservoir) == 0 and r is not None:
            self._residual = np.empty((self.capacity, self.block.places, self._filters), np.float32)
        if (r is None) != (self._residual is None):
            raise DataError("a residual is given in some batches only; wanted it in all or in none")

    def _note(
        self, slot: Ints, row: Ints, column: Ints, places: tuple[int, int], windows: tuple[int, int]
    ) -> None:
        """What is known of blocks from their position."""
        down, right = self.block.down, self.block.right
        for target, rows, columns, sizes in (
            (self._inside, down.place(row), right.place(column), places),
            (self._windows, down.window(row), right.window(column), windows),
        ):
            fits = [(v >= 0) & (v < size) for v, size in zip((rows, columns), sizes, strict=True)]
            target[slot] = (fits[0][:, :, None] & fits[1][:, None, :]).reshape(len(slot), -1)
        self._outputs[slot] = down.outputs(row, places[0]) * right.outputs(column, places[1])

    def _keep(
        self,
        x: Array,
        r: Array | None,
        slot: Ints,
        image: Ints,
        row: Ints,
        column: Ints,
        places: tuple[int, int],
    ) -> None:
        """Copy inputs and residuals of blocks; places in the padding get those of the nearest place."""
        ys = np.clip(self.block.down.place(row), 0, places[0] - 1)
        xs = np.clip(self.block.right.place(column), 0, places[1] - 1)
        self._patches[slot] = self._patch(x, image, ys, xs)
        if self._residual is not None and r is not None:
            values = r[image[:, None, None], ys[:, :, None], xs[:, None, :]]
            self._residual[slot] = values.reshape(len(slot), -1, self._filters)

    def _patch(self, x: Array, image: Ints, ys: Ints, xs: Ints) -> Float:
        """Inputs of the places ys [m, rows] times xs [m, columns]: [m, A, G, K]."""
        taps, valid = [], []
        for i, places in enumerate((ys, xs)):
            reach = np.arange(self._kernel[i]) * self._geometry.dilations[i]
            at = (places * self._geometry.strides[i] - self._geometry.pads[i])[:, :, None] + reach
            valid.append((at >= 0) & (at < x.shape[1 + i]))
            taps.append(np.clip(at, 0, x.shape[1 + i] - 1))
        rows, columns = taps[0][:, :, None, :, None], taps[1][:, None, :, None, :]
        values = x[image[:, None, None, None, None], rows, columns]
        values[~(valid[0][:, :, None, :, None] & valid[1][:, None, :, None, :])] = 0
        group = self._geometry.group
        grouped = values.reshape(len(image), self.block.places, -1, group, self._channels // group)
        by_group = np.moveaxis(grouped, 3, 2)
        return np.asarray(by_group.reshape(len(image), self.block.places, group, -1), np.float32)


def _as_image(x: Array) -> Array:
    """A matrix `[...,K]` as `[N,1,rows,K]`, N being its first direction."""
    rows = x.reshape(1, x.shape[-1]) if x.ndim == 1 else x
    return rows.reshape(rows.shape[0], 1, -1, rows.shape[-1])


def _in_order(values: Float, order: Ints) -> Float:
    """Rows in this order, others dropped; a few columns at a time, so that nothing is there twice."""
    flat = values.reshape(len(values), -1)
    step = max(1, _PIECE // (4 * len(values)))
    for start in range(0, flat.shape[1], step):
        flat[: len(order), start : start + step] = flat[order, start : start + step]
    return values[: len(order)]
