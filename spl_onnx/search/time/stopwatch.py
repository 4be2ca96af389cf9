"""Timing whole models against each other: what is measured, and when a difference counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx

from spl_onnx.data.reader import Feeds
from spl_onnx.measure.bench import Timing, time_interleaved
from spl_onnx.measure.memory import give_back
from spl_onnx.measure.profile import Run, profile_in_turn
from spl_onnx.measure.sessions import create_session
from spl_onnx.progress import Progress, silent

#: Smaller differences are not believed, however quiet the machine was: 0.5 %.
LEAST_GAIN = 0.005
#: Standard errors of the median that a gain must exceed.
_ERRORS = 2.0
#: From the median absolute deviation to the standard error of a median, for normal noise: 1.4826 * 1.2533.
_SPREAD_TO_ERROR = 1.858
_WARMUP = 2


class Stopwatch(Protocol):
    """Times models; tests have one that needs no clock."""

    def open(self, model: onnx.ModelProto) -> Any:
        """Get a model ready to run."""

    def times(self, opened: Sequence[Any], runs: int) -> list[Timing]:
        """Run opened models in turn, `runs` times each."""

    def profiles(self, models: Sequence[onnx.ModelProto], progress: Progress = silent) -> list[list[Run]]:
        """Time per node of models that run in turn, once for every sample."""


@dataclass(frozen=True)
class SessionStopwatch:
    """Times ONNX Runtime sessions.

    Attributes:
        batches: inputs, used in turn.
        threads: threads inside an operator.
        provider: "cpu" or "cuda".
    """

    batches: Sequence[Feeds]
    threads: int
    provider: str = "cpu"

    def open(self, model: onnx.ModelProto) -> Any:
        """A session; what is left of the making of its model and of those before it is freed first."""
        give_back()
        return create_session(model, threads=self.threads, provider=self.provider)

    def times(self, opened: Sequence[Any], runs: int) -> list[Timing]:
        """Run sessions in turn."""
        return time_interleaved(opened, self.batches, runs, _WARMUP)

    def profiles(self, models: Sequence[onnx.ModelProto], progress: Progress = silent) -> list[list[Run]]:
        """Run profiled sessions in turn."""
        return profile_in_turn(models, self.batches, self.threads, progress=progress, provider=self.provider)


@dataclass(frozen=True)
class Gain:
    """How much quicker a model is than another.

    Attributes:
        ratio: median of (time of the first) / (time of the second) of neighbouring runs.
        noise: what such a ratio may differ from the true one by chance.
    """

    ratio: float
    noise: float

    @property
    def is_real(self) -> bool:
        """Whether the second model is quicker beyond the noise."""
        return self.ratio - 1.0 > self.noise


def gain(first: Timing, second: Timing) -> Gain:
    """The gain of `second` over `first`, which ran in turn."""
    ratios = first.milliseconds / second.milliseconds
    median = float(np.median(ratios))
    deviation = float(np.median(np.abs(ratios - median)))
    error = _SPREAD_TO_ERROR * deviation / float(np.sqrt(len(ratios)))
    return Gain(median, max(LEAST_GAIN, _ERRORS * error))
