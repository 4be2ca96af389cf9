"""Settings of one site for a wanted error, and what they do.

Skipping an output saves the same work whatever its channel, so the cheapest way to an error is to skip all
outputs whose expected squared error is below one level, shared by all channels. The curve of each channel
(`curves`) turns the level into a threshold on its scores. Curves are fitted on one half of the samples and
judged on the other, and the other way round; only the level, one number, is chosen where it is judged. The
thresholds handed out come from curves of all samples.

An int8 predictor of all weights knows the outputs almost exactly. There one threshold serves all channels,
and what it leaves below itself can become 0 at no cost: the floor is the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.calibrate.blocks import Block
from spl_onnx.calibrate.levels import Levels
from spl_onnx.calibrate.limits import AllSelected, Limits, OneThreshold, ThresholdPerChannel, short_list
from spl_onnx.calibrate.outcomes import Outcomes, outcomes
from spl_onnx.calibrate.samples import SiteSamples
from spl_onnx.calibrate.scores import by_group, exact_scores, mean_inputs, predicted_scores
from spl_onnx.errors import RuleError
from spl_onnx.predictors.build import kept_weights, predictor_weights
from spl_onnx.predictors.packed import pack
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.predictors.weights import layer_weights
from spl_onnx.spec.attributes import Activation, Pooling

Float = NDArray[np.float32]

#: Noise of a predictor is taken as at least this share of the spread of its scores.
_LEAST_NOISE = 1e-3


@dataclass(frozen=True)
class PredictorSpec:
    """A kind of predictor.

    Attributes:
        predictor: "int8" or "pruned".
        keep: share of the weights kept, above 0 up to 1.
        weighted: whether a weight's importance counts its input: |w| times the input's root mean square.
        fitted: whether weights are fitted to the inputs (`reconstruct`) where the calibrator has such
            weights; that goes before `weighted`.
    """

    predictor: str
    keep: float = 1.0
    weighted: bool = False
    fitted: bool = False


@dataclass(frozen=True)
class Calibration:
    """Settings and what they do to samples.

    Attributes:
        settings: of the site, as a plan holds them.
        density: share of the layer's outputs, before pooling, that is computed.
        error: relative L2 error of the layer's output, activated and pooled, wrong winners included.
        kept: share of the predictor's weights that are not 0; 0 without a predictor.
        zeros: share of the layer's outputs that are 0.
    """

    settings: SiteSettings
    density: float
    error: float
    kept: float
    zeros: float


class SiteCalibrator:
    """Calibrates one site; the exact outputs are worked out once for all predictors.

    Args:
        samples: Of the site's input.
        w: Weights `[O,kH,kW,C/group]` or `[O,K]`.
        b: Bias `[O]`; None is 0.
        activation: Clipping; its floor does not count.
        pooling: The window behind the layer; None is none.
        fitted: Pruned weights by kept share, from `reconstruct`.
    """

    def __init__(
        self,
        samples: SiteSamples,
        w: Array,
        b: Array | None,
        activation: Activation,
        pooling: Pooling | None,
        fitted: Mapping[float, Float] | None = None,
    ) -> None:
        self._samples, self._w, self._b = samples, layer_weights(w), b
        self._fitted = fitted or {}
        self._activation = activation
        self._block = Block.of(pooling or Pooling.none())
        self._exact = exact_scores(samples, self._w, b)
        self._values = np.clip(self._exact, activation.clip_min, activation.clip_max)

    def predict(self, spec: PredictorSpec, errors: Sequence[float | None]) -> list[Calibration]:
        """Settings of a predictor for several errors.

        Args:
            spec: The predictor.
            errors: Relative L2 errors wanted, each >= 0. None is the threshold 0 whatever it costs, and for
                int8 so is 0. Where an error cannot be reached the least possible one is given.

        Raises:
            RuleError: The predictor does not fit the layer.
            UsageError: `spec.keep` is out of range.
        """
        base = self._base_settings(spec)
        predictor = predictor_weights(self._w, self._b, base)
        kept = np.count_nonzero(predictor.wp) / predictor.wp.size
        scores = predicted_scores(self._samples, predictor)
        seen = outcomes(self._samples, self._block, scores, self._values)
        limits = self._limits(spec, scores, seen)
        found = [limits.choose(error) for error in errors]
        return [
            Calibration(
                replace(base, threshold=limit.threshold, floor=limit.floor),
                effect.density,
                effect.error,
                kept,
                effect.zeros,
            )
            for limit, effect in found
        ]

    def truncate(self, errors: Sequence[float]) -> list[Calibration]:
        """The largest floors (choice "truncate") for several errors.

        Args:
            errors: Relative L2 errors allowed. Where nothing can become 0 the floor is 0.

        Raises:
            RuleError: The layer has outputs below 0, which a floor would change.
        """
        if self._activation.clip_min != 0.0:
            raise RuleError(
                f"outputs are clipped at {self._activation.clip_min}; wanted 0, because a floor would change "
                "outputs below it; leave out the floor"
            )
        seen = outcomes(self._samples, self._block, self._values, self._values)
        levels = Levels(seen, seen.best, np.full_like(seen.place_score, np.inf))
        floors = [levels.limit(error) or 0.0 for error in errors]
        found = [(SiteSettings(floor=floor), levels.effect(floor)) for floor in floors]
        return [Calibration(settings, 1.0, made.error, 0.0, made.zeros) for settings, made in found]

    def _base_settings(self, spec: PredictorSpec) -> SiteSettings:
        """Settings that do not depend on the error."""
        if spec.keep >= 1.0:
            return SiteSettings(spec.predictor, spec.keep if spec.predictor == "pruned" else None)
        settings = SiteSettings(spec.predictor, spec.keep)
        if spec.fitted and spec.keep in self._fitted:
            settings = replace(settings, weights=pack(self._fitted[spec.keep]))
        elif spec.weighted:
            settings = replace(settings, input_rms=short_list(self._samples.input_rms))
        return replace(settings, correction=short_list(self._dropped_mean(settings)))

    def _dropped_mean(self, settings: SiteSettings) -> Array:
        """[O] what the weights that are not kept add on average."""
        dropped = self._w - kept_weights(self._w, settings)
        mean = mean_inputs(self._samples)
        part = by_group(dropped, len(mean)).astype(np.float64)
        return np.asarray(np.einsum("gok,gk->go", part, mean).reshape(-1))

    def _limits(self, spec: PredictorSpec, scores: Float, seen: Outcomes) -> Limits:
        if self._activation.clip_min != 0.0:
            return AllSelected(seen)
        if spec.predictor == "int8" and spec.keep == 1.0:
            return OneThreshold(seen)
        return ThresholdPerChannel(seen, self._noise(scores))

    def _noise(self, scores: Float) -> Array:
        """[O] root mean square of the predictor's error over the places inside the layer."""
        inside = self._samples.inside
        off = (scores - self._exact)[inside]
        least = _LEAST_NOISE * scores[inside].std(axis=0, dtype=np.float64) + np.finfo(np.float32).tiny
        return np.asarray(np.maximum(np.sqrt(np.square(off, dtype=np.float64).mean(axis=0)), least))


def calibrate_errors(
    samples: SiteSamples,
    w: Array,
    b: Array | None,
    activation: Activation,
    pooling: Pooling | None,
    spec: PredictorSpec,
    errors: Sequence[float | None],
) -> list[Calibration]:
    """Settings of one predictor for several errors; see `SiteCalibrator`."""
    return SiteCalibrator(samples, w, b, activation, pooling).predict(spec, errors)
