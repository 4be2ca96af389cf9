"""Folding keeps what a network computes, and cutting removes channels for real."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from experiments.channel_pruning.residual import Graph, cut, find_pairs
from spl_onnx.measure.sessions import create_session, run
from tests.experiments.channel_pruning.networks import WIDTHS, pictures, residual_network


def folded():
    graph = Graph(residual_network())
    graph.fold_batch_norms()
    return graph


def outputs(model, x=None):
    onnx.checker.check_model(model, full_check=True)
    return run(create_session(model), {"input": pictures(8) if x is None else x})[0]


def test_folding_changes_no_result():
    graph = folded()
    assert {node.op_type for node in graph.model.graph.node} & {"BatchNormalization"} == set()
    wanted = outputs(residual_network())
    # Sums of up to 16 * 9 products in six layers, each rounded to eps of its magnitude.
    tolerance = 6 * 144 * np.finfo(np.float32).eps * np.abs(wanted).max()
    assert np.abs(outputs(graph.model) - wanted).max() <= tolerance


def test_pairs():
    graph = folded()
    pairs = find_pairs(graph)
    assert [len(graph.filters(pair.first)[1]) for pair in pairs] == list(WIDTHS)
    assert [graph.maker[pair.shortcut].op_type for pair in pairs] == ["Relu", "Conv"]
    assert [graph.maker[pair.total].op_type for pair in pairs] == ["Add", "Add"]


def test_channels_that_are_seen_elsewhere_are_no_pair():
    graph = folded()
    middle = find_pairs(graph)[0].middle
    graph.model.graph.output.add().CopyFrom(onnx.helper.make_tensor_value_info(middle, 1, None))
    assert [pair.middle for pair in find_pairs(Graph(graph.model))] != [middle]
    assert len(find_pairs(Graph(graph.model))) == 1


def test_grouped_convolutions_are_left_alone():
    graph = folded()
    graph.maker[find_pairs(graph)[0].second].attribute.append(onnx.helper.make_attribute("dilations", [2, 2]))
    assert len(find_pairs(graph)) == 1


@pytest.mark.parametrize("place", [0, 1])
def test_cutting_a_channel_that_gives_nothing_changes_nothing(place):
    graph = folded()
    pair = find_pairs(graph)[place]
    dead = np.array([1, 5, 6])
    weight, bias = graph.filters(pair.first)
    weight[dead], bias[dead] = 0, -1
    graph.set_filters(pair.first, weight, bias)
    wanted = outputs(graph.model)
    kept = np.setdiff1d(np.arange(WIDTHS[place]), dead)
    cut(graph, pair, kept)
    assert graph.filters(pair.first)[0].shape[0] == graph.filters(pair.second)[0].shape[1] == len(kept)
    # The same products in another order of summation.
    tolerance = 6 * 144 * np.finfo(np.float32).eps * np.abs(wanted).max()
    assert np.abs(outputs(graph.model) - wanted).max() <= tolerance


def test_cutting_a_channel_that_matters_changes_results():
    graph = folded()
    wanted = outputs(graph.model)
    cut(graph, find_pairs(graph)[0], np.arange(1, WIDTHS[0]))
    assert np.abs(outputs(graph.model) - wanted).max() > 1e-3 * np.abs(wanted).max()


def test_cut_weights_leave_the_file():
    graph = folded()
    before = len(graph.model.SerializeToString())
    for pair, width in zip(find_pairs(graph), WIDTHS, strict=True):
        cut(graph, pair, np.arange(0, width, 2))
    names = {tensor.name for tensor in graph.model.graph.initializer}
    assert names == {name for node in graph.model.graph.node for name in node.input} & names
    assert len(graph.model.SerializeToString()) < 0.75 * before


def test_what_is_a_layer():
    graph = folded()
    assert graph.is_layer("logits") and not graph.is_layer("input")
    graph.maker["logits"].attribute.append(onnx.helper.make_attribute("alpha", 2.0))
    assert not graph.is_layer("logits")
