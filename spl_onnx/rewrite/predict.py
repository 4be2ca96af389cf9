"""Settings of a site: those without data, their words, whether they fit the site, and what they build."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spl_onnx.errors import RuleError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.packed import unpack
from spl_onnx.predictors.settings import predictor_weights, spread_inputs
from spl_onnx.predictors.weights import PredictorWeights, per_output
from spl_onnx.rewrite.site import Refused, Site, label
from spl_onnx.spec.checks import MAX_INT8_PRODUCTS

__all__ = [
    "build_predictor",
    "check_settings",
    "default_settings",
    "describe",
    "predictor_weights",
    "shifted",
]


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
        changes = [f"outputs up to {settings['floor']:.4g} become 0"] if settings.get("floor") else []
        changes += ["bias shifted"] if settings.get("shift") else []
        return ", ".join(changes) or "exact (lossless)"
    keep = settings.get("keep", 1.0)
    kept = f" keeping {keep:g} of the weights" + (", fitted" if "weights" in settings else "")
    if settings["predictor"] == "int8":
        return f"int8 predictor{kept if keep < 1.0 else ''}"
    corrected = "with" if "correction" in settings else "without"
    return f"pruned predictor{kept}, {corrected} mean correction{'' if corrected == 'with' else ' (no data)'}"


def check_settings(site: Site, settings: dict[str, Any]) -> None:
    """Refuse settings that cannot serve `site`.

    Raises:
        Refused: The weights are not finite, the dot products too long for int8, a floor has no meaning, or a
            list has not one number per channel.
    """
    name = label(site.match.anchor)
    length = int(np.prod(site.w.shape[1:]))
    if not (np.isfinite(site.w).all() and np.isfinite(site.b).all()):
        raise Refused(f"weights of {name} are not all finite")
    if settings.get("floor", 0.0) > 0.0 and site.activation.clip_min != 0.0:
        raise Refused(f"{name} has outputs below 0, so a floor would change them")
    if settings.get("predictor") == "int8" and length > MAX_INT8_PRODUCTS:
        raise Refused(
            f"{name} sums {length} products, the int8 predictor at most {MAX_INT8_PRODUCTS}; "
            "use --predictor pruned"
        )
    try:
        for part in ("threshold", "correction", "shift"):
            per_output(part, settings.get(part), len(site.w))
        if "weights" in settings:
            unpack(settings["weights"], site.w.shape)
        elif "input_rms" in settings:
            spread_inputs(np.array(settings["input_rms"]), site.w.shape)
    except RuleError as error:
        raise Refused(f"{name}: {error}") from error


def shifted(site: Site, settings: dict[str, Any]) -> Site:
    """`site` with the shift of the settings in its bias."""
    if not settings.get("shift"):
        return site
    return replace(site, b=(site.b + np.array(settings["shift"], np.float32)).astype(np.float32))


def build_predictor(site: Site, settings: dict[str, Any]) -> PredictorWeights:
    """Weights of the predictor that `settings` describe."""
    return predictor_weights(site.w, site.b, settings)
