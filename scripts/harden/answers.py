"""Whether an operator's answer is right: the NumPy reference, and how far rounding may lead away from it.

Sums of K float32 products differ by at most eps * (K + 3) * the sum of the magnitudes, whatever their
order. A place where that sum is not finite, or so large that a part of it may overflow, may hold anything
(docs/operators.md), and so may a window that contains one. Selections of int8 predictors are the same bits;
those of float32 predictors may take another place whose score is as good but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    GLOBAL_AVERAGE,
    LRN,
    PREDICT,
    Q_LRN,
    SRMM,
    Activation,
    ConvGeometry,
    Pooling,
    ResponseNorm,
    parse_geometry,
    parse_lrn,
    parse_pooling,
    parse_transposed,
)
from spl_onnx.spec.reference import conv_scores, conv_srmm, gemm_scores, gemm_srmm, reference_ops
from spl_onnx.spec.window import window_max

Array = NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
#: Distance of the numbers below the smallest normal one, where eps says nothing.
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
#: Sums of magnitudes above this may overflow on the way, Winograd's transformed ones first.
OVERFLOWS = float(np.finfo(np.float32).max) / 2**10
#: Values that the reference may hold at once; beyond that a use only has to end well.
LARGEST = 3e7


class UnjudgedError(Exception):
    """The reference cannot say anything: it would be too large."""


def problem_of(model: onnx.ModelProto, feeds: Mapping[str, Array], got: Array) -> str:
    """What is wrong with the answer of a model with one node; "" for a right one.

    Raises:
        UnjudgedError: the reference would need too much memory.
    """
    call = Call(model, feeds)
    call.require_size()
    try:
        wanted = call.reference()
    except ModelError as error:
        return f"answered, but the reference refuses: {error}"
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"gave {got.dtype} {list(got.shape)}, wanted {wanted.dtype} {list(wanted.shape)}"
    wrong = call.wrong_places(got, wanted)
    if not wrong.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum())} of {wrong.size} wrong, first {list(place)}: {got[place]}, wanted {wanted[place]}"
    )


class Call:
    """One run of a model with one node: attributes and inputs by name."""

    def __init__(self, model: onnx.ModelProto, feeds: Mapping[str, Array]) -> None:
        self.model, self.feeds = model, dict(feeds)
        self.node = model.graph.node[0]
        self.attributes = {a.name: helper.get_attribute_value(a) for a in self.node.attribute}
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.tensors = {**constants, **feeds}

    @property
    def is_image(self) -> bool:
        """Whether the domain is that of images."""
        return self.node.domain == DOMAIN_CONV

    def get(self, name: str) -> Array | None:
        """An input, None where it is omitted."""
        return self.tensors.get(name)

    def reference(self) -> Array:
        """What the specification says."""
        with np.errstate(all="ignore"):
            return np.asarray(
                ReferenceEvaluator(self.model, new_ops=reference_ops()).run(None, self.feeds)[0]
            )

    def require_size(self) -> None:
        """UnjudgedError when padded images or outputs are too large for the reference."""
        if not (self.is_image and "pads" in self.attributes):
            return
        x, w = self.tensors["X"], self.weights
        if x.ndim != 4 or w.ndim != 4 or len(self.attributes["pads"]) != 4:
            return
        top, left, bottom, right = self.attributes["pads"]
        pixels = float(x.shape[0]) * (x.shape[1] + top + bottom) * (x.shape[2] + left + right)
        if pixels * max(x.shape[3], w.shape[0], 1) > LARGEST:
            raise UnjudgedError

    @property
    def weights(self) -> Array:
        """W or Wp."""
        return self.tensors["Wp" if self.node.op_type == PREDICT else "W"]

    def wrong_places(self, got: Array, wanted: Array) -> NDArray[np.bool_]:
        """Where an answer of the right shape is wrong."""
        with np.errstate(all="ignore"):
            if self.node.op_type == SRMM:
                return self._wrong_values(got, wanted)
            if self.node.op_type == PREDICT:
                return self._wrong_selection(got, wanted)
            if self.node.op_type == LRN:
                return _wrong_lrn(got, wanted, self.tensors["X"], parse_lrn(self.attributes))
            if self.node.op_type == GLOBAL_AVERAGE:
                x = self.tensors["X"]
                sums = np.abs(x.astype(np.float64)).sum(axis=(1, 2), keepdims=True)
                pixels = x.shape[1] * x.shape[2]
                return _beyond(got, wanted, EPS * (pixels + 3) * sums / pixels) & (sums <= OVERFLOWS)
            if self.node.op_type == Q_LRN and self.attributes["beta"] not in (0.5, 0.75, 1.0):
                return _differ(got, wanted) & (np.abs(got.astype(int) - wanted) > 1)
            return _differ(got, wanted)

    @property
    def _pooling(self) -> Pooling:
        return parse_pooling(self.attributes) if self.is_image else Pooling.none()

    def _magnitudes(self) -> NDArray[np.float64]:
        """Sums of magnitudes before pooling: [N, oH, oW, O], or [..., O] of a matrix."""
        bias = (
            self.get("Bs")
            if self.get("Bs") is not None
            else self.get("B" if self.node.op_type == SRMM else "Bp")
        )
        x, w, b, r = (
            None if v is None else np.abs(v) for v in (self.tensors["X"], self.weights, bias, self.get("R"))
        )
        none = Activation.none()
        if not self.is_image:
            turned = self.node.op_type == SRMM and parse_transposed(self.attributes)
            return gemm_srmm(x, w, b, r=r, activation=none, transposed=turned)
        geometry = parse_geometry(self.attributes)
        return conv_srmm(x, w, b, r=r, geometry=geometry, pooling=Pooling.none(), activation=none)

    def _rounding(self, magnitudes: Array) -> Array:
        """Bound of the rounding errors, from the largest sum of each image and output that is finite."""
        products = self.weights.size // max(self.weights.shape[_outputs_axis(self)], 1)
        axes = tuple(range(1, magnitudes.ndim - 1)) if self.is_image else ()
        finite = np.where(_may_overflow(magnitudes), 0, magnitudes)
        largest = finite.max(axis=axes, keepdims=True, initial=0) if axes else finite
        return (products + 3) * (EPS * largest + SMALLEST)

    def _wrong_values(self, got: Array, wanted: Array) -> NDArray[np.bool_]:
        if self.weights.dtype == np.int8:
            return _differ(got, wanted)
        magnitudes = self._magnitudes()
        allowed = self._rounding(magnitudes)
        floor = float(self.attributes["floor"])
        wrong = _beyond(got, wanted, allowed) & ~self._pooled(_may_overflow(magnitudes))
        if floor > 0:  # a value within rounding of the floor may fall on either side
            near = np.abs(np.maximum(np.abs(got), np.abs(wanted)) - floor) <= allowed
            wrong &= ~(near & ((got == 0) | (wanted == 0)))
        return wrong

    def _wrong_selection(self, got: Array, wanted: Array) -> NDArray[np.bool_]:
        differ = got != wanted
        if self.weights.dtype == np.int8 or not differ.any():
            return np.asarray(differ)
        scores = self._scores()
        magnitudes = self._magnitudes()
        allowed = 2 * self._rounding(magnitudes)
        theirs, ours = (self._score_at(scores, place) for place in (wanted, got))
        return np.asarray(
            differ & ~(np.abs(theirs - ours) <= allowed) & ~self._pooled(_may_overflow(magnitudes))
        )

    def _scores(self) -> Array:
        inputs = [self.get(n) for n in ("X", "Wp", "Bp", "Wscale", "Xscale", "R")]
        if not self.is_image:
            return gemm_scores(*inputs)  # type: ignore[arg-type]
        return conv_scores(*inputs, geometry=parse_geometry(self.attributes))  # type: ignore[arg-type]

    def _score_at(self, scores: Array, selection: Array) -> Array:
        """The score that a selection stands for; that of nothing is the best one, at most 0."""
        if not self.is_image:
            return np.where(selection == 0, np.minimum(scores, 0), scores)
        layer = {"x": scores, "w": np.eye(scores.shape[3], dtype=np.float32)[:, None, None, :]}
        at = conv_srmm(
            **layer, s=selection, geometry=ConvGeometry(), pooling=self._pooling, activation=Activation.none()
        )
        best = window_max(scores, self._pooling)
        return np.where(selection == 0, np.minimum(best, 0), at)

    def _pooled(self, places: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which windows contain a marked place."""
        if self._pooling.is_none:
            return places
        return window_max(places.astype(np.float32), self._pooling) > 0


def _outputs_axis(call: Call) -> int:
    turned = call.node.op_type == SRMM and not call.is_image and parse_transposed(call.attributes)
    return 1 if turned else 0


def _may_overflow(magnitudes: Array) -> NDArray[np.bool_]:
    return np.asarray(~(magnitudes <= OVERFLOWS))


def _differ(got: Array, wanted: Array) -> NDArray[np.bool_]:
    return np.asarray(~((got == wanted) | (np.isnan(got) & np.isnan(wanted))))


def _beyond(got: Array, wanted: Array, allowed: Array) -> NDArray[np.bool_]:
    """Where values differ by more than is allowed; not-a-number on one side only is such a place."""
    gap = np.abs(got.astype(np.float64) - wanted)
    return _differ(got, wanted) & ~(gap <= allowed)


def _wrong_lrn(got: Array, wanted: Array, x: Array, norm: ResponseNorm) -> NDArray[np.bool_]:
    """As relative errors: those of the base times the exponent, and of the power and the division."""
    squares = np.square(x.astype(np.float64))
    scale = norm.alpha / norm.size
    total = (
        np.stack(
            [
                squares[..., max(0, c - norm.before) : c + norm.after + 1].sum(axis=-1)
                for c in range(x.shape[3])
            ],
            axis=-1,
        )
        if x.shape[3]
        else squares
    )
    base, magnitude = norm.bias + scale * total, abs(norm.bias) + abs(scale) * total
    relative = EPS * (abs(norm.beta) * (min(norm.size, x.shape[3]) + 4) * magnitude / np.abs(base) + 6)
    unclear = ~(relative < 0.1) | ~(magnitude <= OVERFLOWS) | ~(np.abs(wanted) <= OVERFLOWS)
    smallest = float(np.finfo(np.float32).tiny)
    return _beyond(got, wanted, relative * np.abs(wanted) + smallest) & ~unclear
