"""The int8 predictor: all weights, rounded to 8 bits with one scale per output. Needs no data."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from spl_onnx.arrays import Array
from spl_onnx.errors import RuleError
from spl_onnx.predictors.weights import PredictorWeights, layer_weights, per_output
from spl_onnx.spec.checks import MAX_INT8_PRODUCTS
from spl_onnx.spec.quantize import quantize_weights


def build_int8(w: Array, b: ArrayLike | None = None, threshold: ArrayLike = 0.0) -> PredictorWeights:
    """Rounds the weights of a layer to int8.

    Weights already pruned may be given; zeros stay zeros.

    Args:
        w: `[O,...]` float32, finite.
        b: Bias, `[O]`; None is 0.
        threshold: An output counts when its score is above it; one number or `[O]`.

    Returns:
        int8 weights with `wscale` = max |w| / 127 (1 for a row of zeros); samples have their own input scale.

    Raises:
        RuleError: More than 65536 products per output, shapes that do not fit, or a weight not finite.
    """
    weights = layer_weights(w)
    products = int(np.prod(weights.shape[1:]))
    if products > MAX_INT8_PRODUCTS:
        raise RuleError(
            f"weights {list(weights.shape)} sum {products} products per output; an int8 predictor can hold "
            f"{MAX_INT8_PRODUCTS} in its 32-bit sums; use a pruned predictor or leave this site dense"
        )
    outputs = weights.shape[0]
    levels, scale = quantize_weights(weights)
    bp = per_output("bias", b, outputs) - per_output("threshold", threshold, outputs)
    return PredictorWeights(levels, bp.astype(np.float32), wscale=scale)
