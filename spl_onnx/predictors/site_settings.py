"""The settings of a site, as a plan holds them: names, ranges, what fits a choice, words and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.options import PREDICTORS, Choice
from spl_onnx.spec.attributes import IN_8_BITS, INT8
from spl_onnx.spec.quantize import static_scale

Numbers = tuple[float, ...]

#: Of the input, the output and the residual of a layer in 8 bits.
_SCALES = ("xscale", "yscale", "rscale")
_LARGEST = 1 << 53  # whole numbers above it are no float64 any more
#: Lists of numbers, one per channel; a threshold may be one number too.
_LISTS = {"threshold": "output", "correction": "output", "input_rms": "input", "shift": "output"}


@dataclass(frozen=True)
class SiteSettings:
    """How a site is predicted and what is truncated; None = not set. Equal settings give the same bits.

    Lists are held as tuples, and may be given as any sequence of numbers.

    Attributes:
        predictor: "int8" or "pruned"; None predicts nothing.
        keep: Kept share of the weights, above 0 up to 1; None is 1.
        weights: Pruned ones of its own as text (`packed`), which keep and input_rms do not change.
        input_rms: One per input channel, makes the importance of a weight |w| * rms.
        correction: One per output channel, added to the predictor's bias.
        xscale: Scale and zero point of all int8 inputs, of a predictor or a layer; None = each has its own.
        threshold: A number or one per output channel; outputs with larger scores are computed.
        floor: Outputs up to it become 0.
        shift: One per output channel, added to the bias for what earlier sites leave out.
        precision: "int8" or "int8_winograd", what a layer in 8 bits multiplies in; None is float32.
        yscale: Scale and zero point of the bytes that a layer in 8 bits gives; it takes bytes too, by xscale.
        rscale: The same of its residual, where it has one.
    """

    predictor: str | None = None
    keep: float | None = None
    weights: str | None = None
    input_rms: Numbers | None = None
    correction: Numbers | None = None
    xscale: Numbers | None = None
    threshold: float | Numbers | None = None
    floor: float | None = None
    shift: Numbers | None = None
    precision: str | None = None
    yscale: Numbers | None = None
    rscale: Numbers | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))

    @classmethod
    def from_json(cls, content: object, where: str) -> SiteSettings:
        """Settings from the object of a plan; `validate` looks at the values.

        Args:
            content: From JSON, perhaps edited.
            where: Names the site in messages.

        Raises:
            UsageError: It is no object, or has names that are not known.
        """
        if not isinstance(content, Mapping):
            raise UsageError(f"{where}: settings is {content!r}, wanted an object")
        if unknown := sorted(set(content) - set(NAMES)):
            raise UsageError(f"{where}: unknown settings {', '.join(unknown)}; known are {', '.join(NAMES)}")
        empty = [name for name, value in content.items() if value is None and name not in _MAY_BE_NULL]
        if empty:
            raise UsageError(f"{where}: {empty[0]} is null, wanted a value; or leave it out")
        return cls(**content)

    def as_json(self) -> dict[str, object]:
        """What is set, as a plan holds it."""
        return {name: _plain(getattr(self, name)) for name in self.names}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of what is set."""
        return tuple(name for name in NAMES if getattr(self, name) is not None)

    @property
    def changes(self) -> list[str]:
        """What makes the layer itself inexact: "floor", "shift"."""
        return [name for name in ("floor", "shift") if getattr(self, name)]

    @property
    def passes_bytes(self) -> bool:
        """Whether a layer in 8 bits takes and gives bytes."""
        return self.yscale is not None

    @property
    def kept(self) -> float:
        """The kept share of the weights."""
        return 1.0 if self.keep is None else self.keep

    def describe(self) -> str:
        """In words, for the reason of an accepted site."""
        if self.precision is not None:
            ranges = "" if self.xscale is None else ", inputs of a fixed range"
            ranges = ", bytes in and out" if self.passes_bytes else ranges
            return f"products in 8 bits ({self.precision}{ranges})"
        if not self.predictor:
            changes = [f"outputs up to {self.floor:.4g} become 0"] if self.floor else []
            changes += ["bias shifted"] if self.shift else []
            return ", ".join(changes) or "exact (lossless)"
        fitted = "" if self.weights is None else ", fitted"
        kept = f" keeping {self.kept:g} of the weights{fitted}"
        if self.predictor == "int8":
            return f"int8 predictor{kept if self.kept < 1.0 else ''}"
        corrected = "without mean correction (no data)" if self.correction is None else "with mean correction"
        return f"pruned predictor{kept}, {corrected}"

    def validate(self, choice: Choice, where: str) -> None:
        """Check settings that somebody may have edited.

        Args:
            choice: Of the site.
            where: Names the site in messages.

        Raises:
            UsageError: A setting is out of range, of another type, missing, or does not fit the choice.
        """
        self._check_choice(choice, where)
        self._check_precision(choice, where)
        keep, floor = self.kept, 0.0 if self.floor is None else self.floor
        if not (_is_number(keep) and 0.0 < keep <= 1.0):
            raise UsageError(f"{where}: keep is {keep!r}, wanted a fraction above 0 and up to 1")
        if not (_is_number(floor) and floor >= 0.0):
            raise UsageError(f"{where}: floor is {floor!r}, wanted a number >= 0")
        for name, channels in _LISTS.items():
            self._check_list(name, channels, where)
        if not isinstance(self.weights, str | None):
            raise UsageError(f"{where}: weights is {_short(self.weights)}, wanted text of --plan-out")
        self._check_scales(where)

    def _check_choice(self, choice: Choice, where: str) -> None:
        """Lossless is exact, truncate has a floor or a shift and nothing else, predict has a predictor."""
        known = ", ".join(PREDICTORS[1:])
        if self.predictor is not None and self.predictor not in PREDICTORS[1:]:
            raise UsageError(f"{where}: predictor is {_plain(self.predictor)!r}, wanted one of {known}")
        if choice == Choice.PREDICT and self.predictor is None:
            raise UsageError(f"{where}: choice predict needs a predictor, one of {known}")
        changes = self.changes
        if choice == Choice.TRUNCATE and (not changes or not set(self.names) <= {"floor", "shift"}):
            raise UsageError(
                f"{where}: choice truncate has settings {', '.join(sorted(self.names)) or 'none'}; "
                "wanted a floor above 0, a shift, or both, and nothing else"
            )
        if choice == Choice.LOSSLESS and changes:
            raise UsageError(
                f"{where}: choice lossless is exact, got {', '.join(changes)}; wanted choice truncate"
            )

    def _check_precision(self, choice: Choice, where: str) -> None:
        """A layer in 8 bits says how it multiplies, perhaps the range of its input, and nothing else."""
        given = self.precision
        known = ", ".join(IN_8_BITS)
        if given is not None and given not in IN_8_BITS:
            raise UsageError(f"{where}: precision is {_short(given)}, wanted one of {known}")
        if choice != Choice.INT8:
            if given is not None:
                raise UsageError(
                    f"{where}: precision belongs to choice int8, got choice {choice}; leave it out"
                )
            return
        if given is None:
            raise UsageError(f"{where}: choice int8 needs a precision, one of {known}")
        if others := sorted(set(self.names) - {"precision", *_SCALES}):
            raise UsageError(
                f"{where}: choice int8 has settings {', '.join(others)}; "
                f"wanted precision, {', '.join(_SCALES)} only"
            )

    def _check_list(self, name: str, channels: str, where: str) -> None:
        given = getattr(self, name)
        values = (given,) if name == "threshold" and not isinstance(given, tuple) else given
        if given is None:
            return
        if not (isinstance(values, tuple) and all(_is_number(value) for value in values)):
            alone = "a number or " if name == "threshold" else "numbers, "
            raise UsageError(f"{where}: {name} is {_short(given)}, wanted {alone}one per {channels} channel")
        if name == "input_rms" and any(value < 0 for value in values):
            raise UsageError(f"{where}: input_rms holds {min(values)}, wanted numbers >= 0")

    def _check_scales(self, where: str) -> None:
        """Bytes have a scale on both sides; without them there is one of inputs that are quantised."""
        is_quantised = self.predictor == "int8" or self.precision == INT8
        if self.xscale is not None and not is_quantised and not self.passes_bytes:
            raise UsageError(
                f"{where}: xscale belongs to the int8 predictor and to precision int8; leave it out"
            )
        beyond = [name for name in _SCALES[1:] if getattr(self, name) is not None]
        if beyond and (self.precision is None or self.xscale is None or not self.passes_bytes):
            raise UsageError(
                f"{where}: {beyond[0]} belongs to bytes, which have xscale and yscale and choice int8"
            )
        for name in _SCALES:
            _check_scale(name, getattr(self, name), where)


def _check_scale(name: str, values: object, where: str) -> None:
    if values is None:
        return
    if not (isinstance(values, tuple) and len(values) == 2 and all(map(_is_number, values))):
        raise UsageError(f"{where}: {name} is {_short(values)}, wanted [scale, zero point]")
    try:
        static_scale(np.array(values), name[0].upper() + name[1:])
    except ModelError as error:
        raise UsageError(f"{where}: {error}") from error


#: Exact, or left as it is.
NOTHING_SET = SiteSettings()
NAMES = tuple(field.name for field in fields(SiteSettings))
#: Null in a plan means that they are not set.
_MAY_BE_NULL = ("predictor", "xscale")


def numbers(values: Iterable[float]) -> Numbers:
    """Numbers of any array as settings hold them."""
    return tuple(float(value) for value in values)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _LARGEST if isinstance(value, int) else math.isfinite(value)


def _plain(value: object) -> object:
    """A setting as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def _short(value: object) -> str:
    """A value as text; lists may have thousands of numbers."""
    text = repr(_plain(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
