"""Pruned weights that give back what the pruned ones did: a least squares fit to the inputs of a layer.

Inputs of a layer are correlated, so the weights that stay can do much of what the others did. The best values
for a choice of weights solve the normal equations of that choice (layer-wise reconstruction, as in Frantar
and Alistarh, "Optimal Brain Compression", 2022). Which ones stay is decided in many small steps: the least
important are left out, the rest is fitted again, and importance is judged anew. One way down serves all kept
shares.

A pruned predictor needs no more than a rough solution, so every step takes a few iterations of conjugate
gradients, for all filters at once, in products of matrices: filters differ in what they keep, and
to solve each of them exactly would take the cube of the kept weights per filter.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.calibrate.samples import SiteSamples
from spl_onnx.calibrate.scores import by_group, mean_inputs
from spl_onnx.errors import RuleError
from spl_onnx.predictors.pruned import kept_count, most_important
from spl_onnx.predictors.weights import Float, layer_weights

#: Weights that stay in every step, and iterations of its fit; a wanted share gets more of them. Steps of
#: .75 or .5 are worse, twice the iterations hardly better.
_STEP, _ITERATIONS, _LAST = 0.85, 3, 9
#: Added to the diagonal of the correlation, so that places which happened to be sampled are not learned by
#: heart. Results hardly depend on it between .003 and .1, but for layers with few places the most is best.
_RIDGE = 0.1
_TINY = 1e-30
#: Blocks handled at a time.
_PIECE = 1024


def reconstruct(samples: SiteSamples, w: Array, keeps: Iterable[float]) -> dict[float, Float]:
    """Pruned weights for several kept shares.

    Args:
        samples: Of the layer's input; not those that thresholds are made from, which would look too good.
        w: Weights `[O,kH,kW,C/group]` or `[O,K]`.
        keeps: Shares of each filter's weights, in (0, 1].

    Returns:
        Weights of the shape of `w` by share, with at most `kept_count` of each filter not 0.

    Raises:
        UsageError: A share is out of range.
        RuleError: The inputs or weights are too large to be fitted in float32.
    """
    weights = layer_weights(w)
    shares = sorted({*keeps}, reverse=True)
    counts = [kept_count(int(np.prod(weights.shape[1:])), keep) for keep in shares]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # judged below
        means = mean_inputs(samples).astype(np.float32)
        parts = [
            _way_down(_covariance(samples, group, means[group]), own, counts)
            for group, own in enumerate(by_group(weights, len(means)))
        ]
    joined = [np.stack(found).reshape(weights.shape) for found in zip(*parts, strict=True)]
    if not all(np.isfinite(values).all() for values in joined):
        raise RuleError("inputs and weights of this layer are too large for a fit; leave this site dense")
    return dict(zip(shares, joined, strict=True))


def _covariance(samples: SiteSamples, group: int, mean: Float) -> Float:
    """[K, K] of a group's inputs around their `mean` [K]; what the mean adds goes into the bias."""
    total = np.zeros((len(mean), len(mean)), np.float32)
    for start in range(0, len(samples), _PIECE):  # copies stay small
        piece = slice(start, start + _PIECE)
        centred = samples.patches[piece, :, group][samples.inside[piece]] - mean
        total += centred.T @ centred
    return np.asarray(total / max(1, int(samples.inside.sum())), np.float32)


def _way_down(covariance: Float, w: Float, counts: list[int]) -> list[Float]:
    """Weights [O, K] for falling numbers of kept ones."""
    # In units of each input's spread, all inputs count alike and the ridge means the same for each.
    variance = np.diag(covariance)
    least = max(1e-12 * float(variance.max(initial=0.0)), _TINY)
    spread = np.sqrt(np.maximum(variance, least)).astype(np.float32)
    correlation = covariance / spread[:, None] / spread
    correlation[np.diag_indices(len(spread))] += np.float32(_RIDGE)
    fitted = w * spread
    target, kept = fitted @ correlation, np.ones(w.shape, bool)
    found, now = [], w.shape[1]
    for count in counts:
        while now > count:
            now = max(count, int(now * _STEP))
            kept = most_important(np.where(kept, np.abs(fitted), -1), now)
            iterations = _LAST if now == count else _ITERATIONS
            fitted = _fit(correlation, target, np.where(kept, fitted, 0), kept, iterations)
        found.append((fitted / spread).astype(np.float32))
    return found


def _fit(correlation: Float, target: Float, start: Float, kept: Array, iterations: int) -> Float:
    """Conjugate gradients for `fitted @ correlation = target` among the kept weights of each row.

    Args:
        correlation: [K, K], symmetric and positive.
        target: [O, K].
        start: [O, K], 0 where nothing is kept.
        kept: [O, K].
        iterations: How many.
    """
    fitted = start
    residual = np.where(kept, target - fitted @ correlation, 0)
    direction, size = residual, _squares(residual)
    for _ in range(iterations):
        step = np.where(kept, direction @ correlation, 0)
        length = size / np.maximum((direction * step).sum(axis=1, keepdims=True), _TINY)
        fitted = fitted + length * direction
        residual = residual - length * step
        before, size = size, _squares(residual)
        direction = residual + size / np.maximum(before, _TINY) * direction
    return np.asarray(fitted, np.float32)


def _squares(rows: Float) -> Float:
    return np.asarray(np.square(rows).sum(axis=1, keepdims=True))
