"""Mean and root mean square of a layer's input, channel by channel, summed while data streams by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import DataError

Vector = NDArray[np.float64]

#: Rows summed at a time, so that copies stay small.
_ROWS = 4096


class InputStatistics:
    """Sums over everything that was added.

    Args:
        channels: Input channels.
    """

    def __init__(self, channels: int) -> None:
        self._sum, self._squares = np.zeros(channels), np.zeros(channels)
        self._values = 0

    def add(self, x: Array) -> None:
        """Count one batch, float32 [..., channels].

        Raises:
            DataError: A value is not finite.
        """
        rows = x.reshape(-1, x.shape[-1])
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS].astype(np.float64)
            self._sum += part.sum(axis=0)
            self._squares += np.einsum("ij,ij->j", part, part)
        self._values += len(rows)
        if not np.isfinite(self._squares).all():
            raise DataError(
                "an input of this site is not finite on the calibration data; check the data, "
                "or leave the site dense"
            )

    def finish(self) -> tuple[Vector, Vector]:
        """Mean [channels] and root mean square [channels]."""
        count = max(1, self._values)
        return self._sum / count, np.sqrt(self._squares / count)
