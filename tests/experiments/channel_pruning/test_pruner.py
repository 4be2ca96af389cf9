"""Pruning of a small network with weights that are not trained."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from experiments.channel_pruning.pruner import (
    Pruner,
    by_error,
    by_magnitude,
    channel_work,
    dense_work,
    fewest,
    folded,
)
from experiments.channel_pruning.reconstruction import NormalEquations
from experiments.channel_pruning.residual import find_pairs
from spl_onnx.errors import ModelError
from spl_onnx.measure.sessions import create_session, run
from tests.experiments.channel_pruning.networks import WIDTHS, pictures, reader_of, residual_network
from tests.small_models import small_cnn


def pruned(tmp_path, score, keep, fit, model=None):
    """The network cut to `keep` channels per pair, and how far its outputs on other pictures are off."""
    model = residual_network() if model is None else model
    pruner = Pruner(model, reader_of(tmp_path, model, pictures(200)), score)
    pruner.cut(pruner.rank(), keep)
    if fit:
        pruner.fit()
    onnx.checker.check_model(pruner.model, full_check=True)
    feeds = {"input": pictures(100, seed=9)}
    wanted, got = (run(create_session(m), feeds)[0] for m in (model, pruner.model))
    return pruner, float(np.mean((got - wanted) ** 2) / np.var(wanted))


@pytest.mark.parametrize("score", ["magnitude", "error"])
def test_fitting_makes_up_for_what_was_cut(tmp_path, score):
    _, plain = pruned(tmp_path, score, [8, 10], fit=False)
    _, fitted = pruned(tmp_path, score, [8, 10], fit=True)
    assert fitted < plain / 2


def test_the_error_chooses_better_than_the_magnitude(tmp_path):
    """One filter is large and unused, the others small and used."""
    model = residual_network()
    graph = folded(model)
    pair = find_pairs(graph)[0]
    weight, bias = graph.filters(pair.first)
    weight[3] *= 10
    graph.set_filters(pair.first, weight, bias)
    weight, bias = graph.filters(pair.second)
    weight[:, 3] = 0
    graph.set_filters(pair.second, weight, bias)
    _, by_size = pruned(tmp_path, "magnitude", [11, 16], fit=False, model=graph.model)
    _, by_loss = pruned(tmp_path, "error", [11, 16], fit=False, model=graph.model)
    assert by_loss < 1e-9 < by_size


def test_nothing_cut_is_nothing_lost(tmp_path):
    _, error = pruned(tmp_path, "error", list(WIDTHS), fit=True)
    # The fits find the weights again, up to float32 sums over some thousand patches.
    assert error < 1e-5


@pytest.mark.parametrize("score", ["magnitude", "error"])
def test_the_share_of_the_work_is_kept(tmp_path, score):
    model = residual_network()
    pruner = Pruner(model, reader_of(tmp_path, model, pictures(50)), score)
    ranks = pruner.rank()
    counts = pruner.share_out(ranks, 0.6, 2)
    pruner.cut(ranks, counts)
    share = dense_work(pruner.model) / dense_work(model)
    largest = 2 * max(channel_work(folded(model), pair) for pair in pruner.pairs) / dense_work(model)
    assert 0.6 - largest < share <= 0.6
    assert all(count % 2 == 0 for count in counts)
    assert [len(folded(pruner.model).filters(pair.first)[1]) for pair in pruner.pairs] == counts


def test_work_of_a_channel():
    graph = folded(residual_network())
    first, second = (channel_work(graph, pair) for pair in find_pairs(graph))
    # Two operations for each of 8 * 9 inputs and 8 * 9 uses at 100 places; 8 * 9 and 10 * 9 at 25.
    assert first == 2 * (72 * 100 + 72 * 100) and second == 2 * (72 * 25 + 90 * 25)


def test_magnitudes():
    graph = folded(residual_network())
    pair = find_pairs(graph)[0]
    weight, bias = graph.filters(pair.first)
    weight[4], weight[9] = 0, 1e-3
    graph.set_filters(pair.first, weight, bias)
    found = by_magnitude(graph, pair)
    assert found.order[:2].tolist() == [4, 9] and len(found.order) == WIDTHS[0] - fewest(WIDTHS[0])
    assert found.errors[0] == 0 < found.errors[1] < 1e-3 and (np.diff(found.errors) > 0).all()


def test_some_channels_always_stay():
    assert [fewest(channels) for channels in (1, 7, 16, 512)] == [1, 1, 2, 64]
    equations = NormalEquations(16, 1, 2)
    x = np.random.default_rng(0).standard_normal((99, 16)).astype(np.float32)
    equations.add(x, x[:, :2], x[:, :2])
    assert len(by_error(equations).order) == 14


def test_a_network_without_residual_branches(tmp_path):
    model = small_cnn()
    with pytest.raises(ModelError, match=r"no residual branch .* nothing can be pruned"):
        Pruner(model, reader_of(tmp_path, model, np.zeros((40, 3, 8, 8), np.float32)), "error")
