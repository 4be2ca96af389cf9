"""Exact and predicted scores of the sampled places, by the arithmetic of the operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.calibrate.samples import SiteSamples
from spl_onnx.predictors.weights import PredictorWeights
from spl_onnx.spec.quantize import INPUT_LEVELS, WEIGHT_LEVELS, quantize_input, static_scale

Float = NDArray[np.float32]

#: So many int8 products sum to a whole number that float32 holds exactly, in any order.
_EXACT_PRODUCTS = (1 << 24) // (INPUT_LEVELS * WEIGHT_LEVELS)


def exact_scores(samples: SiteSamples, w: Array, b: Array | None) -> Float:
    """What the layer computes before its activation, [n, A, O] float32.

    Args:
        samples: n blocks of A places.
        w: `[O,kH,kW,C/group]` or `[O,K]`.
        b: `[O]`; None is 0.
    """
    scores = _product(samples, w, lambda part: part)
    return _finish(scores, np.zeros(len(w), np.float32) if b is None else b, samples)


def predicted_scores(samples: SiteSamples, predictor: PredictorWeights) -> Float:
    """Scores of SPLPredict before selection, [n, A, O] float32; int8 ones are the operator's own bits."""
    if predictor.wscale is None:
        return _finish(_product(samples, predictor.wp, lambda part: part), predictor.bp, samples)
    scale, zero_point = samples.scale, samples.zero_point
    if predictor.xscale is not None:
        scale, zero_point = static_scale(predictor.xscale)
    s, z = scale.reshape(-1, 1, 1), zero_point.reshape(-1, 1, 1)
    total = _product(samples, predictor.wp, lambda part: quantize_input(part, s, z) - z)
    return _finish(total * (s * predictor.wscale), predictor.bp, samples)


def mean_inputs(samples: SiteSamples) -> NDArray[np.float64]:
    """Mean input of every product over the places inside the layer, [G, K]."""
    count = max(1, int(samples.inside.sum()))
    if samples.inside.shape[1] == 1:
        total = samples.patches[:, 0].sum(axis=0, dtype=np.float64)
    else:
        total = np.einsum("nagk,na->gk", samples.patches, samples.inside.astype(np.float64), optimize=True)
    return np.asarray(total / count, np.float64)


def by_group(w: Array, groups: int) -> Array:
    """Weights `[O,...]` as [G, O/G, K]."""
    return w.reshape(groups, len(w) // groups, -1)


def _product(samples: SiteSamples, w: Array, change: Callable[[Array], Array]) -> Float:
    """Sums of products [n, A, O]; integers come out exact (rounded once to float32).

    Args:
        samples: The inputs.
        w: Weights.
        change: Makes what is multiplied from inputs [n, A, K'].
    """
    n, places, groups, products = samples.patches.shape
    weights = by_group(w, groups).astype(np.float32)
    result = np.empty((n * places, groups, weights.shape[1]), np.float32)
    exact = w.dtype == np.int8 and products > _EXACT_PRODUCTS
    step = _EXACT_PRODUCTS if exact else products
    for group in range(groups):
        total: Any = 0
        for start in range(0, products, step):
            part = change(samples.patches[:, :, group, start : start + step])
            rows = np.asarray(part, np.float32).reshape(n * places, -1)
            sums = rows @ weights[group, :, start : start + step].T
            total = total + (sums.astype(np.float64) if exact else sums)
        result[:, group] = total
    return result.reshape(n, places, -1)


def _finish(total: Array, bias: Array, samples: SiteSamples) -> Float:
    scores = np.asarray(total, np.float32) + np.asarray(bias, np.float32)
    return scores if samples.residual is None else scores + samples.residual
