"""From the settings of a site to the weights of its predictor."""

from __future__ import annotations

from typing import Any

import numpy as np

from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.int8 import build_int8
from spl_onnx.predictors.pruned import build_pruned
from spl_onnx.predictors.weights import PredictorWeights
from spl_onnx.rewrite.rules.base import Refused, Site, label

#: The longest dot product whose int8 sum fits 32 bits; see docs/operators.md.
MAX_INT8_LENGTH = 65536


def default_settings(options: RewriteOptions) -> dict[str, Any]:
    """Settings of every site when no data decides."""
    if options.lossless:
        return {}
    if options.effective_predictor == "int8":
        return {"predictor": "int8"}
    return {"predictor": "pruned", "keep": options.effective_keep}


def describe(settings: dict[str, Any]) -> str:
    """Settings in words, for the reason of an accepted site."""
    if not settings.get("predictor"):
        return "exact (lossless)"
    if settings["predictor"] == "int8":
        return "int8 predictor"
    return (
        f"pruned predictor keeping {settings.get('keep'):g} of the weights, without mean correction (no data)"
    )


def check_settings(site: Site, settings: dict[str, Any]) -> None:
    """Refuse a predictor that cannot serve `site`.

    Raises:
        Refused: The weights are not finite, the dot products too long for int8, or a floor has no meaning.
    """
    length = int(np.prod(site.w.shape[1:]))
    if not (np.isfinite(site.w).all() and np.isfinite(site.b).all()):
        raise Refused(f"weights of {label(site.match.anchor)} are not all finite")
    if settings.get("floor", 0.0) > 0.0 and site.activation.clip_min != 0.0:
        raise Refused(f"{label(site.match.anchor)} has outputs below 0, so a floor would change them")
    if settings.get("predictor") == "int8" and length > MAX_INT8_LENGTH:
        raise Refused(
            f"{label(site.match.anchor)} sums {length} products, "
            f"the int8 predictor at most {MAX_INT8_LENGTH}; "
            "use --predictor pruned"
        )


def build_predictor(site: Site, settings: dict[str, Any]) -> PredictorWeights:
    """Weights of the predictor that `settings` describe."""
    threshold = settings.get("threshold", 0.0)
    if isinstance(threshold, list):
        threshold = np.array(threshold, np.float32)
    if settings["predictor"] == "int8":
        return build_int8(site.w, site.b, threshold=threshold)
    return build_pruned(site.w, site.b, settings.get("keep", 1.0), threshold=threshold)
