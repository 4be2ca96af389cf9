"""A stream gives what running from the images gives, and holds no more than it must."""

from __future__ import annotations

import numpy as np

from experiments.channel_pruning.residual import Graph, find_pairs
from experiments.channel_pruning.stream import Stream, images_both_ways
from spl_onnx.measure.sessions import create_session, run
from tests.experiments.channel_pruning.networks import pictures, reader_of, residual_network


def network():
    graph = Graph(residual_network())
    graph.fold_batch_norms()
    return graph, find_pairs(graph)


def images():
    return [{"input": pictures(4)}, {"input": pictures(3, seed=2)}]


def whole(model, batch):
    return run(create_session(model), batch)[0]


def close(got, wanted):
    """ONNX Runtime fuses other nodes in a part than in the whole; sums of 144 products in six layers."""
    return np.abs(got - wanted).max() <= 6 * 144 * np.finfo(np.float32).eps * np.abs(wanted).max()


def test_looking_gives_the_networks_tensors():
    graph, _ = network()
    found = [batch["logits"] for batch in Stream(graph.model, images()).look(["logits"])]
    for got, batch in zip(found, images(), strict=True):
        assert close(got, whole(graph.model, batch))


def test_going_on_changes_no_result():
    graph, pairs = network()
    stream = Stream(graph.model, images())
    for pair in pairs:
        stream.advance(graph.maker[pair.first].input[0])
        stream.advance(pair.middle)
    for got, batch in zip(stream.look(["logits"]), images(), strict=True):
        assert close(got["logits"], whole(graph.model, batch))


def test_what_nobody_reads_is_forgotten():
    graph, pairs = network()
    stream = Stream(graph.model, images())
    start = graph.maker[pairs[0].first].input[0]
    stream.advance(start)
    (held, *_) = stream.look([start])
    assert set(held) == {start}
    stream.advance(pairs[0].middle)
    # The shortcut still needs the start of the branch.
    assert stream.held == {start, pairs[0].middle}


def test_layers_ahead_may_change_on_the_way():
    graph, pairs = network()
    stream = Stream(graph.model, images())
    stream.advance(graph.maker[pairs[0].first].input[0])
    weight, bias = graph.filters(pairs[0].second)
    graph.set_filters(pairs[0].second, weight * 2, bias + 1)
    (got, *_) = stream.look(["logits"])
    assert close(got["logits"], whole(graph.model, images()[0]))


def test_images_come_with_their_mirror_images(tmp_path):
    model, x = residual_network(), pictures(20)
    batches = images_both_ways(reader_of(tmp_path, model, x))
    assert [len(batch["input"]) for batch in batches] == [16, 16, 4, 4]
    np.testing.assert_array_equal(batches[0]["input"], x[:16])
    np.testing.assert_array_equal(batches[3]["input"], x[16:, :, :, ::-1])
