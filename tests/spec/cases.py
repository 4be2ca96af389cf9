"""Random layers for tests of operators: shapes, geometries, windows and data with the values that hurt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_srmm, gemm_srmm

EPS = float(np.finfo(np.float32).eps)
ACTIVATIONS = (Activation.relu(), Activation.none(), Activation.clip(1.5))


@dataclass(frozen=True)
class ConvCase:
    x: np.ndarray  # [N,H,W,C]
    w: np.ndarray  # [O,kH,kW,C/group]
    b: np.ndarray  # [O]
    r: np.ndarray  # [N,oH,oW,O]
    geometry: ConvGeometry
    pooling: Pooling
    activation: Activation

    @property
    def tolerance(self) -> float:
        """Largest rounding error of a float32 sum of any order: eps * terms * sum of magnitudes."""
        magnitude = conv_srmm(
            *(abs(v) for v in (self.x, self.w, self.b)),
            r=abs(self.r),
            geometry=self.geometry,
            pooling=Pooling.none(),
            activation=Activation.none(),
        )
        return EPS * (self.w[0].size + 3) * float(magnitude.max(initial=0))


def floats(rng: np.random.Generator, *shape: int, zeros: float = 0.0) -> np.ndarray:
    """Normal float32 values, a share of them 0."""
    values = rng.standard_normal(shape).astype(np.float32)
    return np.where(rng.random(shape) < zeros, np.float32(0), values)


@st.composite
def poolings(draw: st.DrawFn, largest: int = 3) -> Pooling:
    kernel = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    if kernel == (1, 1):
        return Pooling.none()
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    return Pooling(kernel, strides, pads, draw(st.booleans()))


@st.composite
def conv_cases(draw: st.DrawFn) -> ConvCase:
    """Layers whose kernel and window always fit; small and of odd sizes."""
    pooling, kernel = draw(poolings()), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    strides, dilations = (draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) for _ in range(2))
    pads = draw(st.tuples(*[st.integers(0, 2)] * 4))
    group = draw(st.integers(1, 3))
    geometry = ConvGeometry(strides, pads, dilations, group)
    # Room for a window inside the output of the convolution, whatever the padding; then a few places more.
    least = [
        max(
            1,
            (pooling.kernel[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - pads[i] - pads[i + 2],
        )
        for i in range(2)
    ]
    height, width = (size + draw(st.integers(0, 5)) for size in least)
    batch, channels, filters = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = floats(rng, batch, height, width, channels * group, zeros=0.3)
    w = floats(rng, filters * group, *kernel, channels)
    b = floats(rng, filters * group)
    empty = np.zeros(1, np.float32)
    shape = conv_srmm(
        x, w, b, r=empty, geometry=geometry, pooling=Pooling.none(), activation=Activation.none()
    ).shape
    return ConvCase(x, w, b, floats(rng, *shape), geometry, pooling, draw(st.sampled_from(ACTIVATIONS)))


@dataclass(frozen=True)
class GemmCase:
    x: np.ndarray  # [...,K]
    w: np.ndarray  # [O,K]
    b: np.ndarray  # [O]
    r: np.ndarray  # [...,O]
    activation: Activation

    @property
    def tolerance(self) -> float:
        """As ConvCase.tolerance."""
        values = (abs(v) for v in (self.x, self.w, self.b))
        magnitude = gemm_srmm(*values, r=abs(self.r), activation=Activation.none())
        return EPS * (self.w.shape[1] + 3) * float(magnitude.max(initial=0))


@st.composite
def gemm_cases(draw: st.DrawFn) -> GemmCase:
    """Matrices of rank 1 to 4."""
    rows = draw(st.lists(st.integers(1, 4), max_size=3))
    inputs, outputs = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return GemmCase(
        floats(rng, *rows, inputs, zeros=0.3),
        floats(rng, outputs, inputs),
        floats(rng, outputs),
        floats(rng, *rows, outputs),
        draw(st.sampled_from(ACTIVATIONS)),
    )
