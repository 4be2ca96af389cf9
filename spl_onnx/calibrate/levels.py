"""From the level of each output to what a limit does: outputs up to it are not computed, or become 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spl_onnx.calibrate.outcomes import Outcomes

Float = NDArray[np.float32]


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
        self._outputs = seen.outputs
        flat = window.reshape(-1)
        order = np.argsort(flat)
        self._level = flat[order]
        self._lost = seen.missed + np.cumsum(seen.gain.reshape(-1)[order], dtype=np.float64)
        self._missed, self._energy = seen.missed, seen.energy
        self._live = np.sort(flat[seen.value.reshape(-1) != 0])
        self._place = np.sort(place.reshape(-1))

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
        count = int(np.searchsorted(self._level, np.float32(limit), side="right"))
        lost = self._lost[count - 1] if count else self._missed
        live = len(self._live) - int(np.searchsorted(self._live, np.float32(limit), side="right"))
        computed = len(self._place) - int(np.searchsorted(self._place, np.float32(limit), side="right"))
        return Effect(
            error=float(np.sqrt(max(lost, 0.0) / self._energy)) if self._energy else 0.0,
            density=computed / max(1, self._outputs),
            zeros=1.0 - live / max(1, len(self._level)),
        )
