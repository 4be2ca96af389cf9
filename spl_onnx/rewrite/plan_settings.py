"""Which settings an entry of a plan may have: names, ranges, and what fits its choice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.options import PREDICTORS
from spl_onnx.spec.quantize import static_scale

SETTINGS = (
    "predictor",
    "keep",
    "threshold",
    "correction",
    "input_rms",
    "weights",
    "xscale",
    "floor",
    "shift",
)
_LARGEST = 1 << 53  # whole numbers above it are no float64 any more
#: Lists of numbers, one per channel; a threshold may be one number too.
_LISTS = {"threshold": "output", "correction": "output", "input_rms": "input", "shift": "output"}


def validate_settings(where: str, choice: str, settings: Any) -> None:
    """Check settings that somebody may have edited.

    Args:
        where: Names the entry in messages.
        choice: Of the entry.
        settings: Of the entry.

    Raises:
        UsageError: A setting is unknown, out of range, missing, or does not fit the choice.
    """
    if not isinstance(settings, Mapping):
        raise UsageError(f"{where}: settings is {settings!r}, wanted an object")
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise UsageError(f"{where}: unknown settings {', '.join(unknown)}; known are {', '.join(SETTINGS)}")
    _check_choice(where, choice, settings)
    keep, floor = settings.get("keep", 1.0), settings.get("floor", 0.0)
    if not (_is_number(keep) and 0.0 < keep <= 1.0):
        raise UsageError(f"{where}: keep is {keep!r}, wanted a fraction above 0 and up to 1")
    if not (_is_number(floor) and floor >= 0.0):
        raise UsageError(f"{where}: floor is {floor!r}, wanted a number >= 0")
    for name, channels in _LISTS.items():
        _check_list(where, name, channels, settings.get(name, []))
    if not isinstance(settings.get("weights", ""), str):
        raise UsageError(f"{where}: weights is {_short(settings['weights'])}, wanted text of --plan-out")
    _check_static_scale(where, settings)


def _check_choice(where: str, choice: str, settings: Mapping[str, Any]) -> None:
    """Lossless is exact, truncate has a floor or a shift and nothing else, predict has a predictor."""
    known = ", ".join(PREDICTORS[1:])
    predictor = settings.get("predictor")
    if predictor is not None and predictor not in PREDICTORS[1:]:
        raise UsageError(f"{where}: predictor is {predictor!r}, wanted one of {known}")
    if choice == "predict" and predictor is None:
        raise UsageError(f"{where}: choice predict needs a predictor, one of {known}")
    changes = {name for name in ("floor", "shift") if settings.get(name)}
    if choice == "truncate" and (not changes or not set(settings) <= {"floor", "shift"}):
        raise UsageError(
            f"{where}: choice truncate has settings {', '.join(sorted(settings)) or 'none'}; "
            "wanted a floor above 0, a shift, or both, and nothing else"
        )
    if choice == "lossless" and changes:
        raise UsageError(
            f"{where}: choice lossless is exact, got {', '.join(sorted(changes))}; wanted choice truncate"
        )


def _check_list(where: str, name: str, channels: str, values: Any) -> None:
    if name == "threshold" and not isinstance(values, list):
        values = [values]
    if not (isinstance(values, list) and all(_is_number(value) for value in values)):
        alone = "a number or " if name == "threshold" else "numbers, "
        raise UsageError(f"{where}: {name} is {_short(values)}, wanted {alone}one per {channels} channel")
    if name == "input_rms" and any(value < 0 for value in values):
        raise UsageError(f"{where}: input_rms holds {min(values)}, wanted numbers >= 0")


def _check_static_scale(where: str, settings: Mapping[str, Any]) -> None:
    values = settings.get("xscale")
    if values is None:
        return
    if settings.get("predictor") != "int8":
        raise UsageError(f"{where}: xscale belongs to the int8 predictor; leave it out")
    if not (isinstance(values, list) and len(values) == 2 and all(_is_number(value) for value in values)):
        raise UsageError(f"{where}: xscale is {_short(values)}, wanted [scale, zero point]")
    try:
        static_scale(np.array(values))
    except ModelError as error:
        raise UsageError(f"{where}: {error}") from error


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _LARGEST if isinstance(value, int) else math.isfinite(value)


def _short(value: Any) -> str:
    """A value as text; lists may have thousands of numbers."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
