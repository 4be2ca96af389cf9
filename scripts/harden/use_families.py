"""Families of hostile uses: what people, other tools and damaged files may ask of an operator."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scripts.harden.layer_uses import layers
from scripts.harden.operators import Array, Operator, Use

_SIZES = (2**15, 2**16 - 1, 2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**32 + 1, 2**62, 2**63 - 1)
INTEGERS = (0, -1, -(2**31), -(2**63), 2, 3, 7, 255, 256, 1000, *_SIZES)
FLOATS = (math.nan, math.inf, -math.inf, -1.0, -0.0, 0.0, 1e-45, 1e-38, 1e30, 3e38)
ALGORITHMS = ("auto", "select", "zero_skip", "dense")
_WORDS = ("", "x", "auto ", "AUTO", "a" * 100_000, "au\0to")
_TYPES = ("float16", "float64", "int8", "uint8", "int32", "int64", "bool")
#: Each value of a tensor becomes this one, or the first in a period of some.
_FILLS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "denormal": 1e-41, "large": 3e38, "-0": -0.0}


def integers(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Each integer attribute, each place of it and all together; sizes of X known to the model or not."""
    for operator in all_operators:
        for name, value in _with_type(operator, int, list):
            for text, changed in _changed_integers(value):
                for known in (True, False):
                    declared = {"X": operator.tensors["X"].shape} if known else {}
                    what = f"{name}{text}{' known' if known else ''}"
                    yield Use("integers", what, operator, {name: changed}, declared=declared)


def _changed_integers(value: int | list[int]) -> Iterator[tuple[str, Any]]:
    for hostile in INTEGERS:
        if isinstance(value, int):
            yield f"={hostile}", hostile
            continue
        yield f"[*]={hostile}", [hostile] * len(value)
        for place in range(len(value)):
            yield f"[{place}]={hostile}", [hostile if i == place else v for i, v in enumerate(value)]


def kinds(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Attributes that are missing, of another type, too short or too long."""
    for operator in all_operators:
        for name, value in operator.attributes.items():
            for other in (None, 1, 1.5, "x", [1], [], [1] * 9, [1.5, 2.5], ["x"]):
                yield Use("kinds", f"{name}={other!r}", operator, {name: other})
            if isinstance(value, list):
                yield Use("kinds", f"{name} short", operator, {name: value[:-1]})


def numbers(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Each attribute that is a number or a word."""
    for operator in all_operators:
        for name, _ in _with_type(operator, float):
            for value in FLOATS:
                yield Use("numbers", f"{name}={value}", operator, {name: value})
        for name, _ in _with_type(operator, str):
            known = ALGORITHMS if name == "strategy" else ()
            for word in (*ALGORITHMS, *_WORDS):
                yield Use("numbers", f"{name}={word[:20]!r}", operator, {name: word}, must_run=word in known)
        if "w_perm" in operator.attributes:
            for order in itertools.product((-1, 0, 1, 2), repeat=2):
                yield Use("numbers", f"w_perm={order}", operator, {"w_perm": list(order)})


def _with_type(operator: Operator, *types: type) -> list[tuple[str, Any]]:
    return [(n, v) for n, v in operator.attributes.items() if isinstance(v, types)]


def windows(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Pooling windows as large as they may be, with all padding they may have, and strides of any size."""
    kernels = ((1, 1), (2, 2), (3, 1), (1, 254), (254, 1), (15, 17), (16, 16))
    for operator in all_operators:
        if "pool_kernel" not in operator.attributes:
            continue
        for kernel, stride, ceil in itertools.product(kernels, (1, 2, 7, 2**20), (0, 1)):
            pads = [side - 1 for side in kernel] * 2
            attributes = {
                "pool_kernel": list(kernel),
                "pool_strides": [stride] * 2,
                "pool_pads": pads,
                "pool_ceil": ceil,
            }
            what = f"{kernel} by {stride}{' ceil' if ceil else ''}"
            yield Use("windows", what, operator, attributes, {"S": None} if "S" in operator.tensors else {})


def shapes(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Each tensor in shapes that do not fit, empty ones among them; constant or fed."""
    for operator in all_operators:
        for name, value in operator.tensors.items():
            for shape in _other_shapes(value.shape):
                tensor = np.resize(value, shape).astype(value.dtype) if value.size else value
                for constants in (None, ()) if name in operator.constants else (None,):
                    what = f"{name} {list(shape)}{' fed' if constants == () else ''}"
                    yield Use("shapes", what, operator, tensors={name: tensor}, constants=constants)


def _other_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    changed = [
        (),
        (0,),
        (1,),
        (3,),
        shape[:-1],
        shape[1:],
        (*shape, 1),
        (1, *shape),
        shape[::-1],
        (0,) * len(shape),
    ]
    for axis in range(len(shape)):
        for size in (0, 1, shape[axis] - 1, shape[axis] + 1, 2 * shape[axis]):
            changed.append((*shape[:axis], size, *shape[axis + 1 :]))
    changed += [(2**20, 0, *shape[2:]), (2**33, *(0 for _ in shape)), (0, 2**31, *(2 for _ in shape[1:]))]
    return [s for s in dict.fromkeys(changed) if s != shape and 0 <= math.prod(s) < 2**24]


def types(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Each tensor in each other element type."""
    for operator in all_operators:
        for name, value in operator.tensors.items():
            for kind in _TYPES:
                if np.dtype(kind) != value.dtype:
                    yield Use("types", f"{name} {kind}", operator, tensors={name: value.astype(kind)})


def omitted(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Inputs left out one by one, and optional ones that were not there, in every shape they might have."""
    for operator in all_operators:
        for name in operator.tensors:
            yield Use("omitted", name, operator, tensors={name: None})
        outputs = next(
            (operator.tensors[name].shape for name in ("B", "Bp") if name in operator.tensors), (18,)
        )
        for name in (n for n in operator.inputs if n not in operator.tensors):
            for shape in (
                (),
                (0,),
                (1,),
                (2,),
                (1, 1, 1, 1),
                outputs,
                (1, 6, 6, 18),
                (3, 24),
                (1, 18, 6, 6),
                (1, 6, 6, 1),
            ):
                extra = {name: np.ones(shape, np.uint8 if name == "S" else np.float32)}
                yield Use("omitted", f"but {name} {list(shape)}", operator, tensors=extra)


def values(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Not-a-number, infinities and their like in each tensor, everywhere or in places; every way."""
    for operator in all_operators:
        for name, value in operator.tensors.items():
            if value.dtype != np.float32:
                continue
            for fill, number in _FILLS.items():
                for period in (1, 7, value.size):
                    tensor = value.copy()
                    tensor.reshape(-1)[::period] = number
                    for strategy in ALGORITHMS if "strategy" in operator.attributes else (None,):
                        attributes = {} if strategy is None else {"strategy": strategy}
                        what = f"{name} {fill} every {period} {strategy or ''}"
                        yield Use("values", what, operator, attributes, {name: tensor})


def selections(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Selections of every value, also in the padding of a window; each algorithm."""
    for operator in all_operators:
        if "S" not in operator.tensors:
            continue
        for code, strategy, padded in itertools.product(range(0, 256, 3), ALGORITHMS, (False, True)):
            attributes: dict[str, Any] = {"strategy": strategy}
            shape = operator.tensors["S"].shape
            if padded and operator.is_image:
                attributes |= {"pool_kernel": [3, 3], "pool_strides": [2, 2], "pool_pads": [1, 1, 1, 1]}
            selection = np.full(shape, code, np.uint8)
            if code % 2:  # only one place is wrong
                selection[...] = 1 if not padded else 5 * operator.is_image
                selection[-1, -1] = code
            what = f"{code} {strategy}{' padded' if padded else ''}"
            yield Use("selections", what, operator, attributes, {"S": selection})


def scales(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Scales and zero points of int8 predictors, and those where they do not belong."""
    for operator in all_operators:
        if "Wp" not in operator.tensors:
            continue
        outputs = operator.tensors["Bp"].shape
        for scale in FLOATS:
            yield Use(
                "scales", f"Wscale {scale}", operator, tensors={"Wscale": np.full(outputs, scale, np.float32)}
            )
            for zero in (None, 0.0, 255.0, 256.0, -1.0, 0.5, math.nan, math.inf):
                given = np.array([scale] if zero is None else [scale, zero], np.float32)
                yield Use("scales", f"Xscale {given.tolist()}", operator, tensors={"Xscale": given})


def declared(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """What the model says of the shape of X is no size, too large to count with, or untrue."""
    sizes: tuple[int | str | None, ...] = (-1, 0, 1, 5, 2**31, 2**40, 2**62, 2**63 - 2, 2**63 - 1, "N", None)
    for operator in all_operators:
        shape = operator.tensors["X"].shape
        for size in sizes:
            for axes in (*((axis,) for axis in range(len(shape))), tuple(range(len(shape)))):
                lied = [size if axis in axes else true for axis, true in enumerate(shape)]
                yield Use("declared", f"X {lied}", operator, declared={"X": lied})
        yield Use("declared", "X without rank", operator, declared={"X": None}, must_run=True)


def sessions(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Sizes that shrink, grow and vanish from run to run of one session, wrong ones among them."""
    for operator in all_operators:
        if "S" in operator.tensors:
            continue
        for number in range(6):
            runs = [{"X": _another_x(operator, rng)} for _ in range(6)]
            names: list[int | str | None] = [
                f"d{i}" if number % 2 else None for i in range(operator.tensors["X"].ndim)
            ]
            yield Use("sessions", str(number), operator, declared={"X": names}, runs=runs)


def _another_x(operator: Operator, rng: np.random.Generator) -> Array:
    last = operator.tensors["X"].shape[-1] + int(rng.random() < 0.1)
    if operator.is_image:
        return operator.another_x(
            rng, int(rng.integers(0, 4)), *(int(v) for v in rng.integers(0, 24, 2)), last
        )
    return operator.another_x(rng, *(int(v) for v in rng.integers(0, 20, rng.integers(1, 4))), last)


def large_steps(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Small tensors whose padding, strides or dilations make large offsets."""
    steps = ((1, 2**20), (2**20, 1), (2**20, 2**20), (2**18, 2**20))
    for operator in all_operators:
        if "dilations" not in operator.attributes or "S" in operator.tensors:
            continue
        channels = operator.tensors["X"].shape[3]
        for stride, image in itertools.product(steps, ((1, 1), (1, 6), (6, 1))):
            x = operator.another_x(rng, 1, *image, channels)
            pads = [2**20 if side > 1 else 1 for side in stride] * 2
            attributes = {
                "strides": list(stride),
                "pads": pads,
                "pool_kernel": [1, 1],
                "pool_strides": [1, 1],
            }
            yield Use("large_steps", f"{stride} {image}", operator, attributes, {"X": x})
        for dilation in (100, 1000, 4000):
            attributes = {"dilations": [dilation] * 2, "pads": [dilation] * 4}
            yield Use("large_steps", f"dilation {dilation}", operator, attributes)


#: Each is a function of the operators and a source of random numbers.
FAMILIES = (
    integers,
    kinds,
    numbers,
    windows,
    shapes,
    types,
    omitted,
    values,
    selections,
    scales,
    declared,
    sessions,
    large_steps,
    layers,
)
