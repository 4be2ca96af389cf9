"""Names and attributes of the operators, checked once and carried as small frozen records."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spl_onnx.errors import ModelError

DOMAIN_CONV = "ai.spl.conv"
DOMAIN_GEMM = "ai.spl.gemm"
VERSION = 1
PREDICT = "SPLPredict"
SRMM = "SRMM"
LRN = "ChannelsLastLRN"
MAX_POOL = "ChannelsLastMaxPool"
GLOBAL_AVERAGE = "ChannelsLastGlobalAveragePool"
#: SRMM, normalisation and pooling of bytes.
QSRMM = "QSRMM"
Q_MAX_POOL = "QChannelsLastMaxPool"
Q_LRN = "QChannelsLastLRN"
Q_GLOBAL_AVERAGE = "QChannelsLastGlobalAveragePool"
#: From images as ONNX has them to channels-last bytes.
QUANTIZE = "ChannelsLastQuantize"
#: What these operators were called at first, by the name they have now: as in ONNX, so that tools which go by
#: names alone took one for the other. Models that have these names stay valid.
FORMER_NAMES = {LRN: "LRN", MAX_POOL: "MaxPool", GLOBAL_AVERAGE: "GlobalAveragePool"}
#: Inputs in order, the same in both domains.
PREDICT_INPUTS = ("X", "Wp", "Bp", "Wscale", "Xscale", "R")
_LAYER_INPUTS = ("X", "W", "B", "S", "R", "Bs", "Xscale")
SRMM_INPUTS = (*_LAYER_INPUTS, "Wscale")
QSRMM_INPUTS = (*_LAYER_INPUTS, "Rscale", "Yscale", "Wscale")
QUANTIZE_INPUTS = ("X", "Yscale")
Q_LRN_INPUTS = ("X", "Xscale", "Yscale")
Q_GLOBAL_AVERAGE_INPUTS = ("X", "Xscale")

#: What turns the weights of a matrix SRMM into [K,O]: they lie as [O,K], or transposed as [K,O] already.
ROWS_OF_OUTPUTS, ROWS_OF_INPUTS = (1, 0), (0, 1)

#: What SRMM multiplies in: float32, bytes, or bytes behind the transform of Winograd's convolution.
FLOAT32, INT8, INT8_WINOGRAD = PRECISIONS = ("float32", "int8", "int8_winograd")
IN_8_BITS = (INT8, INT8_WINOGRAD)
ALGORITHMS = ("auto", "select", "zero_skip", "dense")
#: The largest step of a byte, and the smallest normal float32.
BYTE_LEVELS, SMALLEST_NORMAL = 255, 2.0**-126
#: A selection is one byte, 0 means "nothing selected" and 255 is kept free: at most 254 places per window.
MAX_WINDOW = 254


def _int_tuple(name: str, values: Iterable[int], length: int, least: int) -> tuple[int, ...]:
    """`values` as a tuple of `length` ints, none below `least`; ModelError otherwise."""
    try:
        got = () if isinstance(values, bytes) else tuple(operator.index(v) for v in values)
    except TypeError:
        got = ()
    if len(got) != length or any(v < least for v in got):
        raise ModelError(f"attribute {name} is {values}; wanted {length} integers, each >= {least}")
    return got


def _number(name: str, value: Any) -> float:
    """`value` as a float; ModelError where it is no number."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ModelError(f"attribute {name} is {value!r}; wanted a number") from error


@dataclass(frozen=True)
class ConvGeometry:
    """How a convolution walks over an image; as ONNX Conv, two spatial directions.

    Attributes:
        strides: Steps down and right, each >= 1.
        pads: Zeros added at top, left, bottom, right, each >= 0.
        dilations: Distance between kernel taps, each >= 1.
        group: Number of independent channel groups, >= 1.

    Raises:
        ModelError: A value is out of range or a tuple has the wrong length.
    """

    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    group: int = 1

    def __post_init__(self) -> None:
        for name, length, least in (("strides", 2, 1), ("pads", 4, 0), ("dilations", 2, 1)):
            object.__setattr__(self, name, _int_tuple(name, getattr(self, name), length, least))
        object.__setattr__(self, "group", _int_tuple("group", (self.group,), 1, 1)[0])


@dataclass(frozen=True)
class Pooling:
    """A max-pooling window behind a convolution; as ONNX MaxPool without dilation.

    Attributes:
        kernel: Height and width of the window; (1, 1) is no pooling. At most 254 places.
        strides: Steps down and right, each >= 1.
        pads: Padding at top, left, bottom, right, each smaller than the window in that direction.
        ceil: Whether sizes are rounded up (a last window may reach beyond the image).

    Raises:
        ModelError: A value is out of range, or a window of one place has strides.
    """

    kernel: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    ceil: bool = False

    def __post_init__(self) -> None:
        for name, length, least in (("kernel", 2, 1), ("strides", 2, 1), ("pads", 4, 0)):
            value = _int_tuple(f"pool_{name}", getattr(self, name), length, least)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "ceil", bool(self.ceil))
        self._check()

    def _check(self) -> None:
        if self.area > MAX_WINDOW:
            raise ModelError(
                f"pool_kernel {list(self.kernel)} has {self.area} places; wanted at most {MAX_WINDOW}"
            )
        if any(pad >= self.kernel[i % 2] for i, pad in enumerate(self.pads)):
            raise ModelError(
                f"pool_pads {list(self.pads)} do not fit pool_kernel {list(self.kernel)}; "
                "wanted each smaller than the window in that direction"
            )
        if self.is_none and self.strides != (1, 1):
            raise ModelError(f"pool_strides {list(self.strides)} without pooling; wanted [1, 1]")

    @classmethod
    def none(cls) -> Pooling:
        """No pooling."""
        return cls()

    @property
    def is_none(self) -> bool:
        """Whether a window is one place, so that nothing is pooled."""
        return self.kernel == (1, 1)

    @property
    def area(self) -> int:
        """Places in one window."""
        return self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class Activation:
    """What happens to a computed value: clipped to [clip_min, clip_max], then zeroed when <= floor.

    Attributes:
        clip_min: Lower limit; -infinity is none.
        clip_max: Upper limit; +infinity is none.
        floor: Truncation threshold, finite, >= 0; 0 switches it off.

    Raises:
        ModelError: The limits are crossed or not a number, or floor is negative or not finite.
    """

    clip_min: float
    clip_max: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        for name in ("clip_min", "clip_max", "floor"):
            _number(name, getattr(self, name))
        if not self.clip_min <= self.clip_max:
            raise ModelError(
                f"clip_min {self.clip_min}, clip_max {self.clip_max}; wanted clip_min <= clip_max"
            )
        if not (math.isfinite(self.floor) and self.floor >= 0):
            raise ModelError(f"floor is {self.floor}; wanted a finite number >= 0")

    @classmethod
    def none(cls) -> Activation:
        """Values stay as they are."""
        return cls(-math.inf, math.inf)

    @classmethod
    def relu(cls) -> Activation:
        """max(x, 0)."""
        return cls(0.0, math.inf)

    @classmethod
    def clip(cls, upper: float) -> Activation:
        """min(max(x, 0), upper), for example ReLU6."""
        return cls(0.0, upper)


@dataclass(frozen=True)
class ResponseNorm:
    """Local response normalisation over channels; as ONNX LRN, whose defaults these are.

    Attributes:
        size: Channels in a window, >= 1.
        alpha: Weight of the mean square of the window.
        beta: Exponent.
        bias: What is added to the mean square.

    Raises:
        ModelError: A value is out of range or not finite.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _int_tuple("size", (self.size,), 1, 1)[0])
        for name in ("alpha", "beta", "bias"):
            value = _number(name, getattr(self, name))
            if not math.isfinite(value):
                raise ModelError(f"attribute {name} is {value}; wanted a finite number")
            object.__setattr__(self, name, value)

    @property
    def suits_bytes(self) -> bool:
        """Whether sums of squares of bytes are exact in float32, and what is divided by is positive."""
        exact = self.size * BYTE_LEVELS**2 < 1 << 24
        return exact and self.alpha >= 0 and self.bias >= SMALLEST_NORMAL

    @property
    def before(self) -> int:
        """Channels of a window in front of its own one."""
        return (self.size - 1) // 2

    @property
    def after(self) -> int:
        """Channels of a window behind its own one."""
        return self.size // 2


def _image_attributes(geometry: ConvGeometry, pooling: Pooling) -> dict[str, Any]:
    return {
        "strides": list(geometry.strides),
        "pads": list(geometry.pads),
        "dilations": list(geometry.dilations),
        "group": geometry.group,
        **pool_attributes(pooling),
    }


def pool_attributes(pooling: Pooling) -> dict[str, Any]:
    """All attributes of a ChannelsLastMaxPool node: those of every image operator that say the window."""
    return {
        "pool_kernel": list(pooling.kernel),
        "pool_strides": list(pooling.strides),
        "pool_pads": list(pooling.pads),
        "pool_ceil": int(pooling.ceil),
    }


def predict_attributes(
    geometry: ConvGeometry | None, pooling: Pooling | None = None, select_all: bool = False
) -> dict[str, Any]:
    """All attributes of an SPLPredict node.

    Args:
        geometry: The convolution, or None for the matrix operator (which has no attributes).
        pooling: The window behind it; None is none.
        select_all: Whether every window gets its best place whatever the score (images only).

    Raises:
        ModelError: `pooling` or `select_all` is given for a matrix.
    """
    if geometry is None:
        _refuse_pooling(pooling)
        if select_all:
            raise ModelError("select_all on a matrix operator; wanted it on images only")
        return {}
    return {**_image_attributes(geometry, pooling or Pooling.none()), "select_all": int(select_all)}


def srmm_attributes(
    geometry: ConvGeometry | None,
    pooling: Pooling | None,
    activation: Activation,
    strategy: str = "auto",
    transposed: bool = False,
    precision: str = FLOAT32,
) -> dict[str, Any]:
    """All attributes of an SRMM node; arguments as for `predict_attributes`.

    Args:
        geometry: The convolution, or None for the matrix operator.
        pooling: The window behind it; None is none.
        activation: Clipping and floor.
        strategy: The algorithm.
        transposed: Whether the weights of a matrix lie as `[K,O]` instead of `[O,K]`.
        precision: What it multiplies in.

    Raises:
        ModelError: `pooling` is given for a matrix or `transposed` for images, or `strategy` or `precision`
            is unknown.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"precision is {precision!r}; wanted one of {', '.join(PRECISIONS)}")
    if strategy not in ALGORITHMS:
        raise ModelError(f"strategy is {strategy!r}; wanted one of {', '.join(ALGORITHMS)}")
    common = {
        "clip_min": float(activation.clip_min),
        "clip_max": float(activation.clip_max),
        "floor": float(activation.floor),
        "strategy": strategy,
        "precision": precision,
    }
    if geometry is None:
        _refuse_pooling(pooling)
        return {"w_perm": list(ROWS_OF_INPUTS if transposed else ROWS_OF_OUTPUTS), **common}
    if transposed:
        raise ModelError("transposed weights on an image operator; wanted them on matrices only")
    return {**_image_attributes(geometry, pooling or Pooling.none()), **common}


def lrn_attributes(norm: ResponseNorm) -> dict[str, Any]:
    """All attributes of a ChannelsLastLRN node."""
    return {"size": norm.size, "alpha": norm.alpha, "beta": norm.beta, "bias": norm.bias}


def _refuse_pooling(pooling: Pooling | None) -> None:
    if pooling is not None and not pooling.is_none:
        raise ModelError(
            f"pool_kernel {list(pooling.kernel)} on a matrix operator; wanted pooling on images only"
        )


def parse_geometry(attributes: Mapping[str, Any]) -> ConvGeometry:
    """The convolution written in a node's attributes (inverse of the functions above)."""
    return ConvGeometry(
        _get(attributes, "strides"),
        _get(attributes, "pads"),
        _get(attributes, "dilations"),
        _get(attributes, "group"),
    )


def parse_pooling(attributes: Mapping[str, Any]) -> Pooling:
    """The pooling window written in a node's attributes."""
    return Pooling(*(_get(attributes, f"pool_{name}") for name in ("kernel", "strides", "pads", "ceil")))


def parse_activation(attributes: Mapping[str, Any]) -> Activation:
    """The activation written in an SRMM node's attributes."""
    return Activation(*(_get(attributes, name) for name in ("clip_min", "clip_max", "floor")))


def parse_transposed(attributes: Mapping[str, Any]) -> bool:
    """Whether the weights of a matrix SRMM lie as `[K,O]`.

    Raises:
        ModelError: w_perm is no order of two dimensions.
    """
    given = _get(attributes, "w_perm")
    perm = tuple(given) if isinstance(given, list | tuple) else ()
    if perm not in (ROWS_OF_OUTPUTS, ROWS_OF_INPUTS):
        raise ModelError(
            f"attribute w_perm is {given}; wanted [1, 0] for weights [O,K] or [0, 1] for weights [K,O]"
        )
    return perm == ROWS_OF_INPUTS


def parse_precision(attributes: Mapping[str, Any]) -> str:
    """What an SRMM node multiplies in; nodes of earlier versions do not say it and mean float32.

    Raises:
        ModelError: There is no such precision.
    """
    given = attributes.get("precision", FLOAT32)
    name = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
    if name not in PRECISIONS:
        raise ModelError(f"attribute precision is {name!r}; wanted one of {', '.join(PRECISIONS)}")
    return str(name)


def parse_lrn(attributes: Mapping[str, Any]) -> ResponseNorm:
    """The normalisation written in a ChannelsLastLRN node's attributes."""
    return ResponseNorm(*(_get(attributes, name) for name in ("size", "alpha", "beta", "bias")))


def _get(attributes: Mapping[str, Any], name: str) -> Any:
    if name not in attributes:
        raise ModelError(f"attribute {name} is missing; every attribute must be written on every node")
    return attributes[name]
