"""From the settings of a site, as a plan holds them, to the weights of its predictor. Needs no data.

Everything that data said is in the settings, so the same settings always give the same bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import RuleError
from spl_onnx.predictors.int8 import build_int8
from spl_onnx.predictors.packed import unpack
from spl_onnx.predictors.pruned import prune
from spl_onnx.predictors.site_settings import Numbers, SiteSettings
from spl_onnx.predictors.weights import Float, PredictorWeights, layer_weights, per_output
from spl_onnx.spec.quantize import static_scale


def predictor_weights(w: Array, b: Array | None, settings: SiteSettings) -> PredictorWeights:
    """Build the predictor that `settings` describe.

    Both kinds may keep only a part of the weights (`keep`), the most important ones: |w|, or |w| times
    `input_rms` where it is given; or they have pruned weights of their own (`weights`). An int8 predictor is
    pruned first and rounded afterwards.

    Args:
        w: Weights of the layer, `[O,kH,kW,C/group]` or `[O,K]`, float32, finite.
        b: Bias, `[O]`; None is 0.
        settings: Of the site, with a predictor.

    Raises:
        RuleError: The settings do not fit the layer.
        UsageError: `keep` is out of range.
    """
    weights = layer_weights(w)
    kept = kept_weights(weights, settings)
    outputs = len(weights)
    bias = per_output("bias", b, outputs) + per_output("correction", settings.correction, outputs)
    threshold = per_output("threshold", settings.threshold, outputs)
    if settings.predictor == "int8":
        return replace(build_int8(kept, bias, threshold), xscale=fixed_range(settings.xscale))
    return PredictorWeights(kept, (bias - threshold).astype(np.float32))


def kept_weights(w: Float, settings: SiteSettings) -> Float:
    """What the predictor multiplies before it is rounded; arguments and errors as for `predictor_weights`."""
    if settings.weights is not None:
        return unpack(settings.weights, w.shape)
    rms = settings.input_rms
    spread = None if rms is None else spread_inputs(np.asarray(rms, np.float64), w.shape)
    return prune(w, settings.kept, spread)


def spread_inputs(values: Array, shape: tuple[int, ...]) -> Array:
    """Numbers per input channel as numbers per weight.

    Args:
        values: `[C]` (images) or `[K]` (matrices).
        shape: Of the weights, `[O,kH,kW,C/group]` or `[O,K]`; the number of groups follows from it.

    Returns:
        Read-only view of the shape of the weights.

    Raises:
        RuleError: `values` are not one per input channel.
    """
    outputs, channels = shape[0], shape[-1]
    groups = values.size // channels
    if values.shape != (groups * channels,) or groups < 1 or outputs % groups:
        raise RuleError(
            f"input_rms has shape {list(values.shape)}, the weights {list(shape)}; "
            f"wanted one number per input channel, [{channels}] times the number of groups"
        )
    if len(shape) == 2 and groups > 1:
        raise RuleError(f"input_rms has shape {list(values.shape)}; wanted [{channels}], one per column")
    of_group = values.reshape(groups, 1, *[1] * (len(shape) - 2), channels)
    full = np.broadcast_to(of_group, (groups, outputs // groups, *shape[1:]))
    return full.reshape(shape)


def fixed_range(xscale: Numbers | None) -> NDArray[np.float32] | None:
    """`Xscale` of the operators; ModelError where scale or zero point are out of range."""
    if xscale is None:
        return None
    values = np.asarray(xscale, np.float32)
    static_scale(values)
    return values
