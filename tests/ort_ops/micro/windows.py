"""Operands of the kernels that finish sums: runs of outputs, and windows to pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.ort_ops.micro.kernels import Run, WindowView
from tests.ort_ops.micro.memory import Memory
from tests.ort_ops.micro.values import strided, up, whole


@dataclass(frozen=True)
class Outputs:
    """`sums` and `residual` [outputs, lanes] as a Run."""

    sums: np.ndarray
    residual: np.ndarray | None

    @classmethod
    def random(cls, count: int, lanes: int, with_residual: bool, dtype: Any = np.float32) -> Outputs:
        rng = np.random.default_rng(100 * count + lanes)
        sums: np.ndarray = (whole(rng, count, lanes) * 2).astype(dtype)
        return cls(sums, whole(rng, count, lanes) if with_residual else None)

    @property
    def stride(self) -> int:
        return int(self.sums.shape[1]) + 2

    def run(self, memory: Memory) -> Run:
        (count, lanes), sum_stride = self.sums.shape, self.sums.shape[1] + 3
        beyond = up(lanes) - lanes
        sums = memory.put(strided(self.sums, sum_stride), self.sums.dtype, beyond)
        added = None if self.residual is None else memory.put(strided(self.residual, self.stride))
        return Run(sums, sum_stride, added, self.stride, count, lanes)

    def added(self, scores: np.ndarray) -> np.ndarray:
        return scores if self.residual is None else scores + self.residual


@dataclass(frozen=True)
class Window:
    """`sums` and `residual` [places, lanes] as a WindowView; `padding` tells where there is neither."""

    sums: np.ndarray
    residual: np.ndarray
    padding: np.ndarray
    plain: np.ndarray  # places without a residual

    @classmethod
    def random(cls, count: int, lanes: int, dtype: Any = np.float32) -> Window:
        rng = np.random.default_rng(100 * count + lanes)
        sums: np.ndarray = (whole(rng, count, lanes) * 2).astype(dtype)
        plain = rng.random(count) < 0.5
        residual = whole(rng, count, lanes) * ~plain[:, None]
        return cls(sums, residual, rng.random(count) < 0.3, plain)

    def view(self, memory: Memory) -> WindowView:
        count, lanes = self.sums.shape
        beyond = up(lanes) - lanes
        sums = [
            None if none else memory.put(values, values.dtype, beyond)
            for values, none in zip(self.sums, self.padding, strict=True)
        ]
        added = [
            None if none else memory.put(values)
            for values, none in zip(self.residual, self.padding | self.plain, strict=True)
        ]
        return WindowView(memory.pointers(sums), memory.pointers(added), count, lanes)

    def candidates(self, scores: np.ndarray, none: float = -np.inf) -> np.ndarray:
        """Scores and residual, and `none` in the padding."""
        return np.where(self.padding[:, None], np.float32(none), scores + self.residual)
