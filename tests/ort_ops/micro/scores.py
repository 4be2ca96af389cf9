"""Operands of the kernels that make scores of 32-bit sums."""

from __future__ import annotations

import numpy as np

from tests.ort_ops.micro.kernels import ScoreView
from tests.ort_ops.micro.memory import Memory
from tests.ort_ops.micro.values import up, whole


def score_arrays(lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correction, scale and bias, up to whole lane blocks."""
    correction, scale, bias = whole(np.random.default_rng(lanes), 3, up(lanes))
    return correction.astype(np.int32), (np.abs(scale) + 1) / np.float32(3), bias


def score_view(memory: Memory, lanes: int) -> ScoreView:
    correction, scale, bias = score_arrays(lanes)
    return ScoreView(memory.put(correction, np.int32), memory.put(scale), memory.put(bias))


def scores(sums: np.ndarray) -> np.ndarray:
    """Each step one float32 operation."""
    lanes = sums.shape[-1]
    correction, scale, bias = (values[:lanes] for values in score_arrays(lanes))
    exact: np.ndarray = (sums - correction).astype(np.float32)
    return np.asarray(exact * scale + bias)
