"""The settings a site may have, from its calibration, with what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spl_onnx.calibrate.site import Calibration, PredictorSpec
from spl_onnx.errors import RuleError
from spl_onnx.measure.flops import INT8_PRICE
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.budget.calibration import SiteLayer
from spl_onnx.search.budget.problem import Option, SiteOptions, ladder
from spl_onnx.search.settings import Setting

#: Relative errors of a layer's output that settings are made for.
ERRORS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3)
#: Kept shares of pruned predictors.
KEEPS = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4)


def predictor_specs(options: RewriteOptions) -> list[PredictorSpec]:
    """The predictors to choose from.

    "auto" means int8 ones of all weights and of a part of them: a float32 one of the same part is no better,
    and dearer.
    """
    keeps = KEEPS if options.keep is None else (options.keep,)
    whole = [PredictorSpec("int8")]
    if options.predictor == "int8":
        return whole
    kind = "pruned" if options.predictor == "pruned" else "int8"
    parts = [PredictorSpec(kind, keep, weighted=True, fitted=True) for keep in keeps]
    return parts if kind == "pruned" else [*whole, *parts]


def flop_options(
    layer: SiteLayer, flops: float, specs: Sequence[PredictorSpec], price: float = INT8_PRICE
) -> SiteOptions:
    """Predictions of a site, priced in operations.

    Args:
        layer: the site with its samples.
        flops: its dense work.
        specs: predictors.
        price: of an int8 operation, a float32 one being 1.
    """
    found = []
    for spec in specs if layer.can_predict else ():
        unit = price if spec.predictor == "int8" else 1.0
        for made in _predictions(layer, spec):
            cost = flops * (unit * made.kept + made.density)
            setting = Setting(Choice.PREDICT, made.settings, prediction_label(made))
            found.append(Option(setting, cost, made.error, made.density))
    return SiteOptions(layer.site.name, flops, ladder(found, flops), flops)


def _predictions(layer: SiteLayer, spec: PredictorSpec) -> list[Calibration]:
    """Settings for all errors; none where the predictor does not fit the layer."""
    try:
        return layer.calibrator.predict(spec, (None, *ERRORS))
    except RuleError:
        return []


def truncations(layer: SiteLayer) -> list[tuple[float, Setting]]:
    """Floors of a site, with the error each was made for; none where outputs below 0 exist."""
    if layer.activation.clip_min != 0.0:
        return []
    found: list[tuple[float, Setting]] = []
    floor = 0.0
    for error, made in zip(ERRORS, layer.calibrator.truncate(ERRORS), strict=True):
        if (made.settings.floor or 0.0) > floor:  # few samples have few floors
            floor = made.settings.floor or 0.0
            found.append((error, Setting(Choice.TRUNCATE, made.settings, f"floor {floor:.3g}")))
    return found


def with_prediction(setting: Setting, predictor: SiteSettings) -> SiteSettings:
    """Settings that predict what a truncation makes 0, so that it need not be computed."""
    floor = setting.settings.floor
    return replace(predictor, threshold=floor, floor=floor) if floor else predictor


def prediction_label(made: Calibration) -> str:
    """A prediction in few words."""
    keep = made.settings.kept
    kept = f" keep {keep:g}" if keep < 1.0 else ""
    return f"{made.settings.predictor}{kept}, {made.density:.2f} computed, error {made.error:.2f}"
