"""Which thresholds and floor reach a wanted error, for each way a predictor can be limited."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.calibrate.curves import Curves
from spl_onnx.calibrate.levels import Effect, Levels, effect
from spl_onnx.calibrate.outcomes import Outcomes
from spl_onnx.predictors.site_settings import NOTHING_SET, Numbers, SiteSettings

Float = NDArray[np.float32]


class Limits(ABC):
    """Settings by error, for one predictor of one site.

    Args:
        seen: What becomes of the sampled windows.
    """

    def __init__(self, seen: Outcomes) -> None:
        self._seen = seen

    @abstractmethod
    def choose(self, error: float | None) -> tuple[SiteSettings, Effect]:
        """Thresholds and floor for a relative L2 error, and what they do; None is the threshold 0."""

    def _at_zero(self) -> tuple[SiteSettings, Effect]:
        return NOTHING_SET, effect(self._seen, self._seen.score <= 0, self._seen.place_score > 0)


class AllSelected(Limits):
    """Every window is computed somewhere: outputs below 0 count too, so that no threshold has a meaning."""

    def choose(self, error: float | None) -> tuple[SiteSettings, Effect]:
        """No settings; what is left are wrong winners."""
        return NOTHING_SET, effect(self._seen, np.zeros((1, 1), bool), self._seen.place_score > -np.inf)


class OneThreshold(Limits):
    """One threshold for all channels, which is the floor as well: for scores as good as exact."""

    def __init__(self, seen: Outcomes) -> None:
        super().__init__(seen)
        self._levels = Levels(seen, np.minimum(seen.score, seen.value), seen.place_score)

    def choose(self, error: float | None) -> tuple[SiteSettings, Effect]:
        """The highest threshold, at least 0: below that more is computed than the exact layer needs."""
        limit = max(0.0, self._levels.limit(error) or 0.0) if error else 0.0
        if not limit:
            return self._at_zero()
        return SiteSettings(threshold=limit, floor=limit), self._levels.effect(limit)


class ThresholdPerChannel(Limits):
    """A threshold for each channel, from curves of expected squared error.

    Args:
        seen: What becomes of the sampled windows.
        noise: [O] root mean square of the predictor's error.
    """

    def __init__(self, seen: Outcomes, noise: NDArray[np.float64]) -> None:
        super().__init__(seen)
        gain = seen.gain
        self._curves = Curves(seen.score, gain, noise)
        window, place = np.empty_like(seen.score), np.empty_like(seen.place_score)
        for half in (True, False):
            fitted, (judged, asked) = seen.is_first[0] == half, (first != half for first in seen.is_first)
            if not fitted.any():  # a single block: judged where it is fitted
                fitted = judged
            curves = Curves(seen.score[fitted], gain[fitted], noise)
            window[judged] = curves.levels(seen.score[judged])
            place[asked] = curves.levels(seen.place_score[asked])
        self._levels = Levels(seen, window, place)

    def choose(self, error: float | None) -> tuple[SiteSettings, Effect]:
        """Thresholds that skip as much as the error allows."""
        if error is None:
            return self._at_zero()
        limit = self._levels.limit(error) or 0.0
        thresholds = short_list(self._curves.thresholds(limit))
        return SiteSettings(threshold=thresholds), self._levels.effect(limit)


def short_list(values: Array) -> Numbers:
    """Numbers with six digits, enough for settings and short in a plan."""
    return tuple(float(f"{value:.6g}") for value in values.tolist())
