"""Settings of a site: those without data, whether they fit the site, and what they build."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spl_onnx.errors import RuleError
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.build import predictor_weights, spread_inputs
from spl_onnx.predictors.packed import unpack
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings
from spl_onnx.predictors.weights import PredictorWeights, per_output
from spl_onnx.rewrite.rules.site import Refused, Site, label
from spl_onnx.spec.attributes import INT8, INT8_WINOGRAD
from spl_onnx.spec.checks import MAX_INT8_PRODUCTS
from spl_onnx.spec.reference_winograd import winograd_suits
from spl_onnx.spec.shapes import conv_direction

#: Channels and outputs of a group from which on Winograd's convolution in 8 bits is mostly the quicker one.
_LEAST_WINOGRAD = 32
#: Places of its output from which on it is, and the same where its weights, 36 bytes for each channel and
#: output, do not stay in the second-level cache: four squares are then too few to fetch them for.
_LEAST_PLACES, _LEAST_PLACES_LARGE = 49, 64
_LARGE = 1 << 16


def default_settings(options: RewriteOptions) -> SiteSettings:
    """Settings of every site when no data decides."""
    if options.lossless:
        return NOTHING_SET
    if options.effective_predictor == "int8":
        return SiteSettings("int8")
    return SiteSettings("pruned", options.effective_keep)


def default_precision(site: Site) -> SiteSettings:
    """Settings of a site in 8 bits when nothing was measured: Winograd's convolution where it mostly wins."""
    group = 1 if site.geometry is None else site.geometry.group
    wide = min(len(site.w) // group, site.w.shape[-1]) >= _LEAST_WINOGRAD
    wins = wide and suits_winograd(site) and not _has_few_places(site)
    return SiteSettings(precision=INT8_WINOGRAD if wins else INT8)


def _has_few_places(site: Site) -> bool:
    """Whether the output of a convolution is known to be small."""
    shape = site.match.scope.shape(site.x)
    if site.geometry is None or shape is None or len(shape) != 4:
        return False
    high, wide = shape[2:]
    if not (isinstance(high, int) and isinstance(wide, int)):
        return False
    kernel = site.w.shape[1:3]
    places = conv_direction(0, high, kernel, site.geometry) * conv_direction(1, wide, kernel, site.geometry)
    large = site.w.shape[0] * site.w.shape[-1] > _LARGE
    return places < (_LEAST_PLACES_LARGE if large else _LEAST_PLACES)


def suits_winograd(site: Site) -> bool:
    """Whether a site can multiply in 8 bits behind the transform of Winograd's convolution."""
    return site.geometry is not None and winograd_suits(site.w, site.geometry)


def check_settings(site: Site, settings: SiteSettings) -> None:
    """Refuse settings that cannot serve `site`.

    Raises:
        Refused: The weights are not finite, the dot products too long for int8, a floor has no meaning, the
            layer does not suit Winograd's convolution, or a list has not one number per channel.
    """
    name = label(site.match.anchor)
    length = int(np.prod(site.w.shape[1:]))
    if not (np.isfinite(site.w).all() and np.isfinite(site.b).all()):
        raise Refused(f"weights of {name} are not all finite")
    if settings.floor and site.activation.clip_min != 0.0:
        raise Refused(f"{name} has outputs below 0, so a floor would change them")
    if settings.predictor == "int8" and length > MAX_INT8_PRODUCTS:
        raise Refused(
            f"{name} sums {length} products, the int8 predictor at most {MAX_INT8_PRODUCTS}; "
            "use --predictor pruned"
        )
    if settings.precision is not None and length > MAX_INT8_PRODUCTS:
        raise Refused(f"{name} sums {length} products, in 8 bits at most {MAX_INT8_PRODUCTS}")
    if settings.precision == INT8_WINOGRAD and not suits_winograd(site):
        raise Refused(
            f"{name} does not suit precision int8_winograd, which wants a square kernel of 2 to 5 without "
            "strides and dilations, and at least 8 channels and outputs in a group"
        )
    try:
        for part in ("threshold", "correction", "shift"):
            per_output(part, getattr(settings, part), len(site.w))
        if settings.weights is not None:
            unpack(settings.weights, site.w.shape)
        elif settings.input_rms is not None:
            spread_inputs(np.array(settings.input_rms), site.w.shape)
    except RuleError as error:
        raise Refused(f"{name}: {error}") from error


def shifted(site: Site, settings: SiteSettings) -> Site:
    """`site` with the shift of the settings in its bias."""
    if not settings.shift:
        return site
    return replace(site, b=(site.b + np.array(settings.shift, np.float32)).astype(np.float32))


def build_predictor(site: Site, settings: SiteSettings) -> PredictorWeights:
    """Weights of the predictor that `settings` describe."""
    return predictor_weights(site.w, site.b, settings)
