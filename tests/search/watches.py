"""A stopwatch without a clock: times follow from the nodes of a model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spl_onnx.measure.bench import Timing
from spl_onnx.measure.profile import NodeTime
from spl_onnx.spec.attributes import PREDICT, QSRMM, SRMM


class FakeWatch:
    """Every node takes the time that a function says; a run is the sum.

    Args:
        cost: milliseconds of a node.
        noise: relative size of what is added to every run, drawn from a seed.
    """

    def __init__(self, cost: Callable, noise: float = 0.0) -> None:
        self.cost = cost
        self.noise = noise
        self.opened = 0
        self._random = np.random.default_rng(0)

    def open(self, model):
        self.opened += 1
        return sum(self.cost(node) for node in model.graph.node)

    def times(self, opened, runs):
        scatter = 1 + self.noise * self._random.standard_normal((len(opened), runs))
        return [Timing(total * row) for total, row in zip(opened, scatter, strict=True)]

    def profiles(self, models, progress=None):
        return [[self._run(model)] * 3 for model in models]

    def _run(self, model):
        return [NodeTime(node.name, node.op_type, self.cost(node)) for node in model.graph.node]


class PrecisionWatch(FakeWatch):
    """Every convolution takes 10 ms, and as SRMM what its precision takes.

    Args:
        float32, int8, int8_winograd: milliseconds.
    """

    def __init__(self, float32: float = 6.0, int8: float = 3.0, int8_winograd: float = 2.0) -> None:
        times = {"float32": float32, "int8": int8, "int8_winograd": int8_winograd}

        def cost(node):
            if node.op_type in (SRMM, QSRMM):
                return times[next(a.s.decode() for a in node.attribute if a.name == "precision")]
            return 10.0 if node.op_type == "Conv" else 0.0

        super().__init__(cost)


def costs(dense: dict[str, float], srmm: dict[str, float], predict: dict[str, float], transpose: float = 0.0):
    """Cost of the nodes with weights by first output (dense) or site; of others nothing.

    Args:
        dense: by the first output of Conv and Gemm.
        srmm: of the exact computation, by site, without a selection.
        predict: of prediction and computation together, by site.
        transpose: of every layout conversion.
    """

    def cost(node):
        site = node.name.rpartition("/")[0]
        if node.op_type == PREDICT:
            return predict[site] / 2
        if node.op_type in (SRMM, QSRMM):
            return predict[site] / 2 if node.input[3] else srmm[site]
        if node.op_type == "Transpose":
            return transpose
        return dense.get(node.output[0], 0.0)

    return cost
