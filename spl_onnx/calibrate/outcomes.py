"""What becomes of sampled windows when a predictor chooses: the value that is computed, and the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spl_onnx.calibrate.blocks import Block
from spl_onnx.calibrate.samples import SiteSamples

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcomes:
    """M windows (outputs behind the pooling) and Q places (outputs before it) of O channels.

    Attributes:
        score: [M, O] highest predictor score of each window.
        value: [M, O] what is computed at that place, activated.
        best: [M, O] what the layer gives: the largest activated value of the window.
        place_score: [Q, O] highest score of a window that computes the place; -infinity where none does.
        outputs: outputs before pooling that the places stand for; Q of them, and those in gaps of windows.
        is_first: [M] and [Q], whether window and place are of the first half of the samples.
    """

    score: Float
    value: Float
    best: Float
    place_score: Float
    outputs: int
    is_first: tuple[Mask, Mask]

    @property
    def gain(self) -> Float:
        """[M, O] squared error that computing a window avoids."""
        return np.asarray(np.square(self.best) - np.square(self.best - self.value), np.float32)

    @property
    def missed(self) -> float:
        """Squared error that is left when every window is computed at the place the predictor says."""
        return float(np.square(self.best - self.value, dtype=np.float64).sum())

    @property
    def energy(self) -> float:
        """Sum of the squared outputs."""
        return float(np.square(self.best, dtype=np.float64).sum())


def outcomes(samples: SiteSamples, block: Block, scores: Float, values: Float) -> Outcomes:
    """Let every window choose.

    Args:
        samples: n blocks of A places.
        block: Their geometry.
        scores: [n, A, O] of the predictor.
        values: [n, A, O] exact and activated.
    """
    first, _ = samples.halves()
    total = int(samples.outputs.sum()) * scores.shape[-1]
    if block.places == 1:
        score, value = scores[:, 0], values[:, 0]
        return Outcomes(score, value, value, score, total, (first, first))
    parts = []
    places = np.full((len(samples), len(block.own_places()), scores.shape[-1]), -np.inf, np.float32)
    for window, inside in enumerate(block.window_places()):
        exists = np.flatnonzero(samples.windows[:, window])
        is_inside = samples.inside[exists][:, inside]
        chosen = _choose(is_inside, scores[exists][:, inside], values[exists][:, inside])
        parts.append((*chosen[1:], first[exists]))
        _ask(places, exists, block.own_places(), inside[chosen[0]], chosen[1])
    score, value, best, is_first = (np.concatenate(part) for part in zip(*parts, strict=True))
    own = samples.inside[:, block.own_places()]
    owner = np.broadcast_to(first[:, None], own.shape)
    return Outcomes(score, value, best, places[own], total, (is_first, owner[own]))


def _choose(inside: Mask, scores: Float, values: Float) -> tuple[Any, Float, Float, Float]:
    """Place of the highest score of a window, that score, value there, largest value; [m, O] each.

    Args:
        inside: [m, area] places that are not padding.
        scores: [m, area, O].
        values: [m, area, O].
    """
    least = np.float32(-np.inf)
    scores = np.where(inside[:, :, None], scores, least)
    place = scores.argmax(axis=1)[:, None]
    score, value = (np.take_along_axis(array, place, axis=1)[:, 0] for array in (scores, values))
    return place[:, 0], score, value, np.where(inside[:, :, None], values, least).max(axis=1)


def _ask(places: Float, blocks: Any, own: Any, chosen: Any, score: Float) -> None:
    """Note in `places` [n, own, O] the score with which windows of `blocks` [m] ask for `chosen`."""
    for index, place in enumerate(own):
        asked = np.where(chosen == place, score, np.float32(-np.inf))
        places[blocks, index] = np.maximum(places[blocks, index], asked)
