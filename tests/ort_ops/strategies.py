"""Random cases of the image and matrix operators: every attribute of the contract, small odd sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.shapes import conv_direction, pool_direction

EPS = float(np.finfo(np.float32).eps)
ACTIVATIONS = (Activation.relu(), Activation.clip(6.0), Activation.none(), Activation(0.0, np.inf, 0.5))


@dataclass
class ConvCase:
    """One call of an image operator."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    r: np.ndarray | None
    geometry: ConvGeometry
    pooling: Pooling
    rng: np.random.Generator = field(repr=False)

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments of the kernel module."""
        return {
            "strides": list(self.geometry.strides),
            "pads": list(self.geometry.pads),
            "dilations": list(self.geometry.dilations),
            "group": self.geometry.group,
            "pool_kernel": list(self.pooling.kernel),
            "pool_strides": list(self.pooling.strides),
            "pool_pads": list(self.pooling.pads),
            "pool_ceil": self.pooling.ceil,
        }

    def tolerance(self) -> float:
        """Bound of the rounding error of any order of summation: eps x terms x largest partial sum."""
        terms = self.w[0].size + 2
        most = np.abs(self.x).max(initial=0) * np.abs(self.w).max() * self.w[0].size
        offset = np.abs(self.b).max() + (0 if self.r is None else np.abs(self.r).max(initial=0))
        return EPS * terms * float(most + offset)


def sparse_normal(rng: np.random.Generator, shape: tuple[int, ...], zeros: float) -> np.ndarray:
    """Normal values of which a share `zeros` is exactly 0."""
    return (rng.standard_normal(shape) * (rng.random(shape) >= zeros)).astype(np.float32)


@st.composite
def conv_cases(draw: st.DrawFn, channels: tuple[int, ...] = (1, 3, 4, 16, 17, 35)) -> ConvCase:
    """Any attribute combination whose output is not empty."""
    group = draw(st.sampled_from((1, 1, 1, 2, 3)))
    depth = draw(st.sampled_from(channels))
    outputs = group * draw(st.sampled_from((1, 5, 16, 19, 66)))
    kernel = (draw(st.integers(1, 4)), draw(st.sampled_from((1, 2, 3, 5))))
    geometry = ConvGeometry(
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        pads=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilations=(draw(st.integers(1, 2)), draw(st.integers(1, 3))),
        group=group,
    )
    pooling = draw(poolings())
    n = draw(st.integers(0, 3))
    size = (draw(st.integers(1, 17)), draw(st.integers(1, 23)))
    try:
        out = [conv_direction(i, size[i], kernel, geometry) for i in range(2)]
        for i in range(2):
            pool_direction(i, out[i], pooling)
    except ModelError:
        assume(False)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    zeros = draw(st.sampled_from((0.0, 0.3, 0.9, 1.0)))
    x = sparse_normal(rng, (n, *size, group * depth), zeros)
    w = rng.standard_normal((outputs, *kernel, depth)).astype(np.float32)
    b = rng.standard_normal(outputs).astype(np.float32)
    residual = draw(st.sampled_from(("none", "one", "full")))
    r = None
    if residual == "one":
        r = np.float32([draw(st.sampled_from((0.0, 0.75)))])
    elif residual == "full":
        r = rng.standard_normal((n, *out, outputs)).astype(np.float32)
    return ConvCase(x, w, b, r, geometry, pooling, rng)


@st.composite
def depthwise_cases(draw: st.DrawFn) -> ConvCase:
    """Layers of one channel for each group, as many outputs; rows of more than one tile among them."""
    channels = draw(st.sampled_from((2, 5, 16, 32, 35, 64, 144, 160, 300, 330)))
    kernel = (draw(st.sampled_from((1, 2, 3, 3, 5, 9))), draw(st.sampled_from((1, 2, 3, 3, 5))))
    geometry = ConvGeometry(
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=tuple(draw(st.integers(0, 3)) for _ in range(4)),
        dilations=(draw(st.integers(1, 2)), draw(st.integers(1, 3))),
        group=channels,
    )
    pooling = draw(poolings())
    n, size = draw(st.integers(0, 2)), (draw(st.integers(1, 20)), draw(st.sampled_from((1, 2, 7, 31, 60))))
    try:
        out = [conv_direction(i, size[i], kernel, geometry) for i in range(2)]
        for i in range(2):
            pool_direction(i, out[i], pooling)
    except ModelError:
        assume(False)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    residual = {
        "none": None,
        "one": np.float32([0.75]),
        "full": sparse_normal(rng, (n, *out, channels), 0.0),
    }
    return ConvCase(
        sparse_normal(rng, (n, *size, channels), draw(st.sampled_from((0.0, 0.5)))),
        sparse_normal(rng, (channels, *kernel, 1), 0.0),
        sparse_normal(rng, (channels,), 0.0),
        residual[draw(st.sampled_from(tuple(residual)))],
        geometry,
        pooling,
        rng,
    )


@st.composite
def poolings(draw: st.DrawFn) -> Pooling:
    """No pooling half of the time, else overlapping, padded and ceil-mode windows."""
    if draw(st.booleans()):
        return Pooling.none()
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 4)))
    if kernel == (1, 1):
        return Pooling.none()
    return Pooling(
        kernel=kernel,
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4)),
        ceil=draw(st.booleans()),
    )
