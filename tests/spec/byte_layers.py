"""Layers of bytes, and what SRMM makes of the float32 values that the bytes stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from spl_onnx.spec.attributes import Activation
from spl_onnx.spec.codes import Code
from spl_onnx.spec.reference import conv_srmm, gemm_srmm

#: Powers of two as scales: products with them are exact, so whole layers scale without a rounding.
XSCALE, RSCALE, YSCALE = np.float32([0.25, 7]), np.float32([0.5, 200]), np.float32([0.5, 20])
ACTIVATIONS = (Activation.relu(), Activation.none(), Activation.clip(20.0))


def some_bytes(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def by_values(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, s: np.ndarray | None, r: np.ndarray | None, **layer: Any
) -> np.ndarray:
    """SRMM of the values of bytes, as the nearest bytes."""
    values = Code.read("X", XSCALE).values(x)
    residual = None if r is None else Code.read("R", RSCALE).values(r)
    compute = conv_srmm if "geometry" in layer else gemm_srmm
    xscale = XSCALE if layer["precision"] == "int8" else None
    return Code.read("Y", YSCALE).levels(compute(values, w, b, s, residual, xscale, **layer))
