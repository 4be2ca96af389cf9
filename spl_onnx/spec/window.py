"""Pooling windows over `[N,oH,oW,O]`: best place, maximum, and the value at a selected place.

Windows are walked place by place in row-major order; a whole layer is handled at each place.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.spec.attributes import Pooling
from spl_onnx.spec.checks import check_selection, refuse_places
from spl_onnx.spec.shapes import pool_direction

Mask = NDArray[np.bool_]


def _starts(shape: tuple[int, ...], pooling: Pooling) -> tuple[Array, Array]:
    """First row `[pH,1]` and first column `[1,pW]` of every window (negative inside leading padding)."""
    rows, columns = (
        np.arange(pool_direction(i, shape[i + 1], pooling)) * pooling.strides[i] - pooling.pads[i]
        for i in range(2)
    )
    return rows[:, None], columns[None, :]


def _inside(rows: Array, columns: Array, shape: tuple[int, ...]) -> Mask:
    """Which places lie inside the image of `shape` `[N,oH,oW,O]`."""
    mask: Mask = (rows >= 0) & (rows < shape[1]) & (columns >= 0) & (columns < shape[2])
    return mask


def _places(values: Array, pooling: Pooling) -> Iterator[tuple[Array, Mask]]:
    """For each place of the window: its values `[N,pH,pW,O]` and whether they are inside `[pH,pW,1]`."""
    rows, columns = _starts(values.shape, pooling)
    for i in range(pooling.kernel[0]):
        for j in range(pooling.kernel[1]):
            inside = _inside(rows + i, columns + j, values.shape)
            row = np.clip(rows + i, 0, values.shape[1] - 1)
            column = np.clip(columns + j, 0, values.shape[2] - 1)
            yield values[:, row, column, :], inside[:, :, None]


def seen_places(shape: tuple[int, ...], pooling: Pooling) -> tuple[Mask, Mask]:
    """Rows `[oH]` and columns `[oW]` of values `[N,oH,oW,O]` that lie in a window."""
    starts = _starts(shape, pooling)
    rows, columns = (
        np.isin(np.arange(shape[i + 1]), starts[i].reshape(-1, 1) + np.arange(pooling.kernel[i]))
        for i in range(2)
    )
    return rows, columns


def select(scores: Array, pooling: Pooling, select_all: bool) -> NDArray[np.uint8]:
    """The selection of SPLPredict.

    Args:
        scores: `[N,oH,oW,O]` float32.
        pooling: The window; none is a window of one place.
        select_all: Whether the best place counts whatever its score.

    Returns:
        `[N,pH,pW,O]` uint8: 0, or 1 + index of the highest score. The first wins ties; places outside the
        image and scores that are not a number never win. With `select_all` the first place inside the image
        stands in when no score is above -infinity.
    """
    best: Array = np.float32(-np.inf)  # type: ignore[assignment]
    place: Array = np.uint8(0)  # type: ignore[assignment]
    first: Array = np.uint8(0)  # type: ignore[assignment]
    for index, (score, inside) in enumerate(_places(scores, pooling), start=1):
        better = inside & (score > best)
        best = np.where(better, score, best)
        place = np.where(better, np.uint8(index), place)
        first = np.where(inside & (first == 0), np.uint8(index), first)
    chosen = np.where(place > 0, place, first) if select_all else np.where(best > 0, place, np.uint8(0))
    return chosen.astype(np.uint8)


def window_max(values: Array, pooling: Pooling) -> Array:
    """Largest value of every window, `[N,pH,pW,O]`; not-a-number counts only where there is nothing else."""
    result: Array = np.float32(np.nan)  # type: ignore[assignment]
    for value, inside in _places(values, pooling):
        result = np.fmax(result, np.where(inside, value, np.float32(np.nan)))
    return result


def value_at(values: Array, s: Array, pooling: Pooling) -> Array:
    """The value at the selected place of every window, 0 where nothing is selected.

    Args:
        values: `[N,oH,oW,O]` float32.
        s: `[N,pH,pW,O]` uint8, a selection.
        pooling: The window.

    Returns:
        `[N,pH,pW,O]` float32.

    Raises:
        ModelError: Wrong shape, a selection beyond the window, or one that points into the padding.
    """
    rows, columns = _starts(values.shape, pooling)
    check_selection(s, (values.shape[0], rows.size, columns.size, values.shape[3]))
    selected = s > 0
    place = np.maximum(s.astype(np.int64) - 1, 0)
    row = rows[:, :, None] + place // pooling.kernel[1]
    column = columns[:, :, None] + place % pooling.kernel[1]
    refuse_places(s, s > pooling.area, f"at most {pooling.area}, the places of the window")
    refuse_places(
        s, selected & ~_inside(row, column, values.shape), "a place inside the image, not in the padding"
    )
    image = np.arange(s.shape[0])[:, None, None, None]
    # Places of windows without a selection may lie in the padding: any readable one will do there.
    row, column = (np.where(selected, index, 0) for index in (row, column))
    return np.where(selected, values[image, row, column, np.arange(s.shape[3])], np.float32(0))
