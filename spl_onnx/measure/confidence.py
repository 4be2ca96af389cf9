"""What a drop measured on some samples says about the drop on all data.

Both networks see the same samples, so the comparison is paired. For metrics that are 0 or 1 per sample only
two counts matter, the losses (right before, wrong after) and the gains. With P(loss) - P(gain) = d, (losses -
gains) has mean n d and variance n (2 q + d (1 - d)), where q is P(gain) at its most likely value for that d
(a root of a quadratic). The bound is the d at which

    (|losses - gains - n d| - 1/2) / sqrt(n (2 q + d (1 - d)))

reaches the normal quantile: the score interval for paired proportions (T. Tango, Statistics in Medicine 17,
1998, 891-908), with half a count of continuity correction, which keeps its coverage from falling below 95 %
where hardly any decision differs. It has a width even when none differs: about 3.6 / n.

Other metrics take the paired bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LEVEL = 0.95

_RESAMPLES = 2000
_HALF_COUNT = 0.5
_BISECTIONS = 60
#: More samples than this are nobody's advice.
_MOST_IMAGES = 10**9


@dataclass(frozen=True)
class Confidence:
    """A mean drop and how well it is known.

    Attributes:
        drop: mean of the samples, above 0 when the second network is worse.
        images: number of samples.
        interval: two-sided 95 % interval of the drop.
        upper: the true drop is below it with 95 % confidence (one-sided, so at most the interval's end).
        upper_of: upper bound if `images` samples showed the same rates.
    """

    drop: float
    images: int
    interval: tuple[float, float]
    upper: float
    upper_of: Callable[[float], float]

    def proves(self, max_drop: float) -> bool:
        """Whether the samples show with 95 % confidence that the drop is at most `max_drop`."""
        return self.upper <= max_drop

    def images_needed(self, max_drop: float) -> int | None:
        """Samples that would show a drop of at most `max_drop` if they went as these did.

        Returns:
            Their number; None where the drop itself is not below `max_drop`, so that no number would do.
        """
        if not self.drop < max_drop:
            return None
        enough = 1
        while self.upper_of(enough) > max_drop:
            enough *= 2
            if enough > _MOST_IMAGES:
                return None
        low, high = enough // 2, enough
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.upper_of(middle) <= max_drop else (middle, high)
        return high


def of_decisions(before: Values, after: Values) -> Confidence:
    """Confidence in the drop of a metric that is 0 or 1.

    Args:
        before: [n] of the original, n >= 1.
        after: [n] of the other network, same samples.
    """
    images = len(before)
    losses, gains = int((before > after).sum()), int((before < after).sum())

    def upper_of(count: float) -> float:
        share = count / images
        return drop_bound(losses * share, gains * share, count, _one_sided())

    two_sided = NormalDist().inv_cdf((1 + LEVEL) / 2)
    interval = (
        -drop_bound(gains, losses, images, two_sided),
        drop_bound(losses, gains, images, two_sided),
    )
    return Confidence((losses - gains) / images, images, interval, upper_of(images), upper_of)


def _one_sided() -> float:
    return NormalDist().inv_cdf(LEVEL)


def drop_bound(losses: float, gains: float, images: float, quantile: float) -> float:
    """Upper bound of P(loss) - P(gain); exchange losses and gains for minus the lower bound.

    Args:
        losses: samples right before and wrong after.
        gains: samples wrong before and right after.
        images: all samples.
        quantile: of the normal distribution, above 0.
    """
    low, high = (losses - gains) / images, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _score(losses, gains, images, middle) < quantile:
            low = middle
        else:
            high = middle
    return high


def _score(losses: float, gains: float, images: float, drop: float) -> float:
    """Distance of a supposed drop above the one seen, in its standard deviations."""
    distance = images * drop - (losses - gains) - _HALF_COUNT
    variance = images * (2 * _gain_rate(losses, gains, images, drop) + drop * (1 - drop))
    if variance <= 0:
        return math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _gain_rate(losses: float, gains: float, images: float, drop: float) -> float:
    """Most likely P(gain) when P(loss) - P(gain) is `drop`: the larger root of a q^2 + b q + c = 0."""
    a = 2 * images
    b = (2 * images - losses + gains) * drop - losses - gains
    c = -gains * drop * (1 - drop)
    return max((math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a), 0.0)


def of_differences(values: Values) -> Confidence:
    """Confidence in the mean of paired differences.

    Args:
        values: [n] drop of each sample, n >= 1.
    """
    drop, images = float(values.mean()), len(values)
    upper = bootstrap_quantiles(values, (LEVEL,))[0]

    def upper_of(count: float) -> float:
        return drop + (upper - drop) * math.sqrt(images / count)

    return Confidence(drop, images, bootstrap_interval(values), upper, upper_of)


def bootstrap_interval(values: Values, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean, from resampled samples; paired when `values` are differences.

    Args:
        values: [n], n >= 1.
        seed: of the resampling; the same seed gives the same interval.
    """
    tail = (1.0 - LEVEL) / 2.0
    low, high = bootstrap_quantiles(values, (tail, 1.0 - tail), seed)
    return low, high


def bootstrap_quantiles(values: Values, shares: tuple[float, ...], seed: int = 0) -> list[float]:
    """Quantiles of the mean over resampled samples.

    Args:
        values: [n], n >= 1.
        shares: of the resampled means that are below each quantile.
        seed: of the resampling.
    """
    generator = np.random.default_rng(seed)
    count = len(values)
    means = [float(values[generator.integers(count, size=count)].mean()) for _ in range(_RESAMPLES)]
    return [float(value) for value in np.quantile(means, shares)]
