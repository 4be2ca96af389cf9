"""Good uses: random layers of every kind. Nothing is wrong with them, so each must run and be right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scripts.harden.operators import Array, Operator, Use, bytes_of, floats
from spl_onnx.spec.attributes import ALGORITHMS, INT8_WINOGRAD, Pooling
from spl_onnx.spec.shapes import pool_output_size

_LAYERS = 1500
_CHANNELS = (1, 2, 3, 4, 7, 8, 15, 16, 17, 24, 33, 48)


def layers(all_operators: Sequence[Operator], rng: np.random.Generator) -> Iterator[Use]:
    """Random layers, each with a second run of another size."""
    of_any_size = [operator for operator in all_operators if suits_any_layer(operator)]
    for number in range(_LAYERS):
        operator = of_any_size[number % len(of_any_size)]
        make = _image if operator.is_image else _matrix
        yield make(operator, str(number), rng)


def suits_any_layer(operator: Operator) -> bool:
    """Whether it takes every kernel, and has no residual that would have to fit."""
    return operator.attributes.get("precision") != INT8_WINOGRAD and "R" not in operator.tensors


def _image(operator: Operator, what: str, rng: np.random.Generator) -> Use:
    kernel = (
        [int(v) for v in rng.choice((1, 1, 2, 3, 3, 4, 5), 2)]
        if rng.random() < 0.3
        else [int(rng.choice((1, 2, 3, 5)))] * 2
    )
    group = int(rng.choice((1, 1, 1, 2, 3)))
    channels, filters = (int(rng.choice(_CHANNELS)) for _ in range(2))
    convolution: dict[str, Any] = {
        "strides": [int(v) for v in rng.choice((1, 1, 2, 3), 2)],
        "pads": [int(rng.integers(0, side)) for side in kernel * 2],
        "dilations": [int(v) for v in rng.choice((1, 1, 1, 2), 2)],
        "group": group,
    }
    window = _window(rng)
    attributes = {k: v for k, v in {**convolution, **window}.items() if k in operator.attributes}
    tensors: dict[str, Array | None] = {}
    if "strides" in operator.attributes:
        tensors |= _weights(operator, (filters * group, *kernel, channels), rng)
        reach = [(side - 1) * step + 1 for side, step in zip(kernel, convolution["dilations"], strict=True)]
    else:
        reach, group = [1, 1], 1
    least = [
        r + (side - 1) * step
        for r, side, step in zip(reach, window["pool_kernel"], convolution["strides"], strict=True)
    ]
    sizes = [
        [int(rng.integers(1, 4)), *(side + int(rng.integers(0, 14)) for side in least)] for _ in range(2)
    ]
    zeros = float(rng.choice((0.0, 0.3, 0.6, 0.9, 1.0)))
    images = [operator.another_x(rng, *size, channels * group, zeros=zeros) for size in sizes]
    runs = [{"X": x} for x in images]
    if "S" in operator.tensors:
        for run in runs:
            run["S"] = _selection(run["X"], tensors["W"], attributes, rng)  # type: ignore[arg-type]
    attributes |= _way(operator, rng)
    return Use("layers", what, operator, attributes, {**tensors, **runs[0]}, runs=runs[1:], must_run=True)


def _window(rng: np.random.Generator) -> dict[str, Any]:
    if rng.random() < 0.4:
        return {"pool_kernel": [1, 1], "pool_strides": [1, 1], "pool_pads": [0] * 4, "pool_ceil": 0}
    kernel = [int(v) for v in rng.integers(1, 4, 2)]
    if kernel == [1, 1]:
        kernel = [2, 2]
    return {
        "pool_kernel": kernel,
        "pool_strides": [int(v) for v in rng.integers(1, 4, 2)],
        "pool_pads": [int(rng.integers(0, side)) for side in kernel * 2],
        "pool_ceil": int(rng.integers(0, 2)),
    }


def _way(operator: Operator, rng: np.random.Generator) -> dict[str, Any]:
    """Attributes that change how, or what becomes of values."""
    chosen: dict[str, Any] = {}
    if "strategy" in operator.attributes:
        chosen["strategy"] = str(rng.choice(ALGORITHMS))
        chosen["clip_min"], chosen["clip_max"] = ((0.0, np.inf), (-np.inf, np.inf), (0.0, 1.5))[
            rng.integers(3)
        ]
        chosen["floor"] = float(rng.choice((0.0, 0.0, 0.25)))
    if "select_all" in operator.attributes:
        chosen["select_all"] = int(rng.integers(0, 2))
    if "size" in operator.attributes:
        chosen["size"] = int(rng.choice((1, 2, 3, 5, 8, 40)))
        chosen["beta"] = float(rng.choice((0.5, 0.75, 1.0, 0.6)))
    return chosen


def _weights(operator: Operator, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Array | None]:
    bias, outputs = floats(rng, shape[0]), shape[0]
    if "W" in operator.inputs:
        extra: dict[str, Array | None] = {"Bs": floats(rng, outputs)} if rng.random() < 0.2 else {}
        extra |= {"B": bias if rng.random() < 0.8 else None}
        if "Wscale" not in operator.tensors:
            return {"W": floats(rng, *shape, zeros=0), **extra}
        scale = rng.uniform(0.001, 0.02, outputs).astype(np.float32)
        return {"W": bytes_of(rng, *shape), "Wscale": scale, **extra}
    if "Wscale" not in operator.tensors:
        return {"Wp": floats(rng, *shape), "Bp": bias}
    static = np.array([rng.uniform(0.005, 0.05), rng.integers(0, 256)], np.float32)
    scale = rng.uniform(0.001, 0.02, outputs).astype(np.float32)
    given = {"Xscale": static} if rng.random() < 0.3 else {}
    return {"Wp": bytes_of(rng, *shape), "Bp": bias, "Wscale": scale, **given}


def _selection(x: Array, w: Array, attributes: dict[str, Any], rng: np.random.Generator) -> Array:
    """A selection whose places lie in the image."""
    pooling = Pooling(*(attributes[f"pool_{name}"] for name in ("kernel", "strides", "pads", "ceil")))
    places, rows_columns = [], []
    for axis in range(2):
        pads = attributes["pads"]
        reach = (w.shape[1 + axis] - 1) * attributes["dilations"][axis] + 1
        size = (x.shape[1 + axis] + pads[axis] + pads[axis + 2] - reach) // attributes["strides"][axis] + 1
        k, s, b = pooling.kernel[axis], pooling.strides[axis], pooling.pads[axis]
        count = pool_output_size(size, k, s, b, pooling.pads[axis + 2], pooling.ceil)
        starts = np.arange(count) * s - b
        low, high = np.maximum(-starts, 0), np.minimum(size - starts, k)
        rows_columns.append((low, high))
        places.append(count)
    shape = (x.shape[0], *places, w.shape[0])
    (top, bottom), (left, right) = rows_columns
    row = _between(top[None, :, None, None], bottom[None, :, None, None], shape, rng)
    column = _between(left[None, None, :, None], right[None, None, :, None], shape, rng)
    code = 1 + row * pooling.kernel[1] + column
    return np.where(rng.random(shape) < rng.choice((0.0, 0.1, 0.5, 1.0)), code, 0).astype(np.uint8)


def _between(low: Array, high: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return (low + rng.random(shape) * (high - low)).astype(np.int64)


def _matrix(operator: Operator, what: str, rng: np.random.Generator) -> Use:
    inputs, outputs = (int(v) for v in rng.integers(1, 150, 2))
    tensors = _weights(operator, (outputs, inputs), rng)
    if operator.attributes.get("w_perm") == [0, 1]:
        tensors["W"] = np.ascontiguousarray(tensors["W"].T)  # type: ignore[union-attr]
    zeros = float(rng.choice((0.0, 0.5, 0.9)))
    runs = []
    for _ in range(2):
        rows = [int(v) for v in rng.integers(1, 12, rng.integers(1, 3))]
        run: dict[str, Array] = {"X": operator.another_x(rng, *rows, inputs, zeros=zeros)}
        if "S" in operator.tensors:
            run["S"] = (rng.random((*rows, outputs)) < rng.choice((0.0, 0.2, 1.0))).astype(np.uint8)
        runs.append(run)
    declared = dict.fromkeys(runs[0])
    attributes = _way(operator, rng)
    return Use(
        "layers",
        what,
        operator,
        attributes,
        {**tensors, **runs[0]},
        declared=declared,
        runs=runs[1:],
        must_run=True,
    )
