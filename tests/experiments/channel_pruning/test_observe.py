"""Equations hold what a layer sees and what it should give."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.channel_pruning.observe import Aim, gather, window_of
from experiments.channel_pruning.residual import Graph, find_pairs
from experiments.channel_pruning.stream import Stream
from tests.experiments.channel_pruning.networks import pictures, residual_network


def network():
    graph = Graph(residual_network())
    graph.fold_batch_norms()
    return graph, find_pairs(graph)


def observed(graph, aims, places=1000):
    images = [{"input": pictures(40)}, {"input": pictures(9, seed=2)}]
    stream = Stream(graph.model, images)
    return gather(graph, stream, stream, aims, places)


def weights(graph, layer):
    weight, bias = graph.filters(layer)
    return weight.reshape(len(weight), -1).T.astype(np.float64), bias


@pytest.mark.parametrize("place", [0, 1])
def test_an_untouched_network_explains_itself(place):
    """The old weights give exactly what is wanted, with strides, 1x1, behind a shortcut, and as Gemm."""
    graph, pairs = network()
    pair = pairs[place]
    aims = [Aim(pair.first, pair.first), Aim(pair.second, pair.total, pair.shortcut), Aim("logits", "logits")]
    aims += [Aim(pair.shortcut, pair.shortcut)] if place else []
    for aim, halves in zip(aims, observed(graph, aims), strict=True):
        weight, bias = weights(graph, aim.layer)
        for equations in halves:
            # Variances in float32 sums: eps times the number of patches, at most 2500.
            assert equations.relative_error(weight) < 2500 * np.finfo(np.float32).eps
            assert equations.bias(weight) == pytest.approx(bias, abs=1e-3)


def test_halves_share_no_image():
    graph, pairs = network()
    (halves,) = observed(graph, [Aim(pairs[0].first, pairs[0].first)], places=7)
    assert [equations.count for equations in halves] == [7 * (20 + 5), 7 * (20 + 4)]


def test_some_channels_of_the_target():
    graph, pairs = network()
    kept = np.array([0, 3, 7])
    weight, bias = graph.filters(pairs[0].first)
    whole = Graph(residual_network())
    whole.fold_batch_norms()
    graph.set_filters(pairs[0].first, weight[kept], bias[kept])
    images = [{"input": pictures(10)}]
    aim = Aim(pairs[0].first, pairs[0].first, None, kept)
    (halves,) = gather(graph, Stream(graph.model, images), Stream(whole.model, images), [aim], 1000)
    assert halves[0].relative_error(weights(graph, aim.layer)[0]) < 1e-4


def test_windows():
    graph, pairs = network()
    assert window_of(graph, pairs[1].first).strides == (2, 2)
    assert window_of(graph, pairs[1].first).pads == (1, 1, 1, 1)
    assert window_of(graph, pairs[1].shortcut).kernel == (1, 1)
    assert window_of(graph, "logits").taps == 1
