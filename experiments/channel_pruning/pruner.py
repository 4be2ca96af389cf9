"""Prunes the channels of a residual network: rank, share out, cut, fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from experiments.channel_pruning import budget
from experiments.channel_pruning.observe import Aim, gather
from experiments.channel_pruning.reconstruction import (
    Elimination,
    Index,
    NormalEquations,
    best_fit,
    eliminate,
)
from experiments.channel_pruning.residual import Graph, Pair, cut, find_pairs
from experiments.channel_pruning.stream import Stream, images_both_ways
from spl_onnx.data import input_specs
from spl_onnx.data.reader import Reader
from spl_onnx.errors import ModelError
from spl_onnx.measure.flops import model_work
from spl_onnx.measure.shapes import infer_shapes, single_sample_shapes

SCORES = ("magnitude", "error")
#: Of every pair at least one channel in this many stays.
_FEWEST = 8
#: Updates of the normal equations per pair; fewer channels than that go one by one.
_UPDATES = 128
_RIDGE = 1e-3


class Pruner:
    """Prunes one network.

    Args:
        model: the network; it is not changed.
        calibration: images.
        score: one of `SCORES`.
        places: output places of each image that weights are fitted on.

    Raises:
        ModelError: the network has no pair of convolutions that could give up channels.
    """

    def __init__(self, model: onnx.ModelProto, calibration: Reader, score: str, places: int = 128) -> None:
        self._original, self._graph = folded(model), folded(model)
        self._images, self._score, self._places = images_both_ways(calibration), score, places
        self._kept: dict[str, Index] = {}
        self.pairs = find_pairs(self._original)
        if not self.pairs:
            raise ModelError(
                "the network has no residual branch Conv -> Relu -> Conv -> Add: nothing can be pruned"
            )

    @property
    def model(self) -> onnx.ModelProto:
        """The network as pruned so far, batch norms folded."""
        return self._graph.model

    def channels(self, pair: Pair) -> int:
        """Channels of a pair in the original."""
        return len(self._original.filters(pair.first)[1])

    def rank(self) -> list[Elimination]:
        """The order in which the channels of each pair would go."""
        if self._score == "magnitude":
            return [by_magnitude(self._original, pair) for pair in self.pairs]
        found = []
        stream = Stream(self._original.model, self._images)
        for pair in self.pairs:
            stream.advance(self._original.maker[pair.first].input[0])
            aim = Aim(pair.second, pair.total, pair.shortcut)
            first, second = gather(self._original, stream, stream, [aim], self._places)[0]
            found.append(by_error(first + second))
        return found

    def share_out(self, ranks: Sequence[Elimination], flops: float, multiple: int) -> list[int]:
        """Channels that each pair keeps, so that at most the share `flops` of the work is left.

        Raises:
            UsageError: these pairs cannot save so much.
        """
        offers = [
            budget.Offer(rank, self.channels(pair), channel_work(self._original, pair))
            for pair, rank in zip(self.pairs, ranks, strict=True)
        ]
        return budget.share_out(offers, (1.0 - flops) * dense_work(self._original.model), multiple)

    def cut(self, ranks: Sequence[Elimination], counts: Sequence[int]) -> None:
        """Cut every pair to its number of channels; weights that stay keep their values."""
        for pair, rank, count in zip(self.pairs, ranks, counts, strict=True):
            channels = self.channels(pair)
            kept = np.setdiff1d(np.arange(channels), rank.order[: channels - count])
            self._kept[pair.first] = kept
            cut(self._graph, pair, kept)

    def fit(self) -> None:
        """Fit every layer from the first pair on to what it gave in the original, in order."""
        original = Stream(self._original.model, self._images)
        current = Stream(self._graph.model, self._images)
        for pair in self.pairs:
            start = self._original.maker[pair.first].input[0]
            original.advance(start)
            current.advance(start)
            side = [pair.shortcut] if self._graph.is_layer(pair.shortcut) else []
            firsts = [Aim(pair.first, pair.first, None, self._kept[pair.first]), *(Aim(x, x) for x in side)]
            self._fit(original, current, firsts)
            self._fit(original, current, [Aim(pair.second, pair.total, pair.shortcut)])
        for node in self._graph.model.graph.node:
            if node.op_type == "Gemm" and self._graph.is_layer(node.output[0]):
                self._fit(original, current, [Aim(node.output[0], node.output[0])])

    def _fit(self, original: Stream, current: Stream, aims: Sequence[Aim]) -> None:
        found = gather(self._graph, current, original, aims, self._places)
        for aim, halves in zip(aims, found, strict=True):
            old, _ = self._graph.filters(aim.layer)
            weight, bias = best_fit(halves, old.reshape(len(old), -1).T.astype(np.float64))
            self._graph.set_filters(aim.layer, weight.T.reshape(old.shape), bias)


def folded(model: onnx.ModelProto) -> Graph:
    """A copy of a network with its batch norms folded."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = Graph(copy)
    graph.fold_batch_norms()
    return graph


def by_magnitude(graph: Graph, pair: Pair) -> Elimination:
    """Channels by the norm of their filter; the loss is the share of the squared norms that is gone."""
    weight, _ = graph.filters(pair.first)
    squares = np.square(weight, dtype=np.float64).sum(axis=(1, 2, 3))
    order = np.argsort(squares, kind="stable")[: len(squares) - fewest(len(squares))]
    return Elimination(order, np.cumsum(squares[order]) / squares.sum())


def by_error(equations: NormalEquations) -> Elimination:
    """Channels by what the best second convolution loses without them."""
    channels = equations.channels
    return eliminate(equations, fewest(channels), _RIDGE, max(1, channels // _UPDATES))


def fewest(channels: int) -> int:
    """Channels that stay in any case."""
    return max(1, channels // _FEWEST)


def dense_work(model: onnx.ModelProto) -> float:
    """Operations of one sample."""
    return model_work(model, single_sample_shapes(input_specs(model))).dense


def channel_work(graph: Graph, pair: Pair) -> float:
    """Operations of one channel of a pair in both convolutions, for one sample."""
    shapes = infer_shapes(graph.model, single_sample_shapes(input_specs(graph.model)))
    first, second = graph.filters(pair.first)[0], graph.filters(pair.second)[0]
    places = [float(np.prod(shapes[name][2:])) for name in (pair.first, pair.second)]
    return float(2 * (first[0].size * places[0] + second[:, 0].size * places[1]))
