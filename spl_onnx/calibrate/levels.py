"""From the level of each output to what a limit does: outputs up to it are not computed, or become 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.calibrate.outcomes import Outcomes

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Effect:
    """What a limit does.

    Attributes:
        error: relative L2 error of the layer's output.
        density: share of the outputs before pooling that are computed.
        zeros: share of the layer's outputs that are 0.
    """

    error: float
    density: float
    zeros: float


class Levels:
    """Outputs in the order in which a rising limit gives them up.

    Args:
        seen: The windows and places.
        window: [M, O] level of every window; it is 0 in the output for limits from there on.
        place: [Q, O] level of every place; it is not computed for limits from there on.
    """

    def __init__(self, seen: Outcomes, window: Float, place: Float) -> None:
        flat = window.reshape(-1)
        order = np.argsort(flat)
        self._level = flat[order]
        self._lost = seen.missed + np.cumsum(seen.gain.reshape(-1)[order], dtype=np.float64)
        self._zeros = np.cumsum(seen.value.reshape(-1)[order] != 0) + np.count_nonzero(seen.value == 0)
        self._seen, self._place, self._energy = seen, place, seen.energy

    def limit(self, error: float) -> float | None:
        """The highest level that can be given up; None where not even the lowest can be.

        Args:
            error: Relative L2 error allowed.
        """
        count = int(np.searchsorted(self._lost, error**2 * self._energy, side="right"))
        if count < len(self._level):
            # Outputs of equal level go together.
            count = int(np.searchsorted(self._level, self._level[count], side="left"))
        return float(self._level[count - 1]) if count else None

    def effect(self, limit: float) -> Effect:
        """What happens when everything up to `limit` is given up."""
        level = np.float32(limit)
        count = int(np.searchsorted(self._level, level, side="right"))
        if not count:
            return effect(self._seen, np.zeros((1, 1), bool), self._place > level)
        return Effect(
            error=_relative(float(self._lost[count - 1]), self._energy),
            density=np.count_nonzero(self._place > level) / max(1, self._seen.outputs),
            zeros=float(self._zeros[count - 1]) / max(1, len(self._level)),
        )


def effect(seen: Outcomes, is_lost: Mask, is_computed: Mask) -> Effect:
    """What happens when certain windows are given up.

    Args:
        seen: The windows and places.
        is_lost: [M, O] windows that become 0, or anything that broadcasts to it.
        is_computed: [Q, O] places that are computed.
    """
    lost = seen.missed + float(np.where(is_lost, seen.gain, np.float32(0)).sum(dtype=np.float64))
    return Effect(
        error=_relative(lost, seen.energy),
        density=np.count_nonzero(is_computed) / max(1, seen.outputs),
        zeros=float((is_lost | (seen.value == 0)).mean()) if seen.value.size else 0.0,
    )


def _relative(lost: float, energy: float) -> float:
    return float(np.sqrt(max(lost, 0.0) / energy)) if energy else 0.0
