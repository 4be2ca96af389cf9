"""Segments: run one after the other they are the whole model, whatever its shape."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import is_operator
from spl_onnx.rewrite.graph.tensors import reads
from spl_onnx.search.network.segments import cut
from spl_onnx.spec.attributes import PREDICT, SRMM
from tests.search.network.networks import NETWORKS, base, feeds, no_site, outer_reads, residual, sequential

#: The sites that must be segments of their own, in order.
SITES = {
    "sequential": ["pooled", "second", "hidden"],
    "residual": ["a", "b", "sum", "last"],
    "itself_added": ["a", "sum"],
    "branches": ["stem", "left", "right.1", "right.2", "last"],
    "pooled_branches": ["left/pooled", "right/pooled", "last"],
    "matrices": ["one", "two"],
    "grouped": ["a", "b"],
    "without_activation": ["a", "plain", "last"],
    "outer_reads": ["a", "b", "last"],
    "site_in_a_body": ["a", "last"],
    "several_outputs": ["a", "b", "last"],
    "own_function": ["a", "last"],
    "no_site": [],
}


def walked(segments, fed):
    """The state behind the last segment, and the largest number of tensors that were alive."""
    state, most = dict(fed), 0
    for segment in segments:
        assert set(segment.reads) <= set(state), "a segment may read what is in the state only"
        made = run(
            create_session(segment.model), {name: state[name] for name in segment.reads}, segment.writes
        )
        state.update(zip(segment.writes, made, strict=True))
        for name in segment.drops:
            del state[name]
        most = max(most, len(state))
    return state, most


@pytest.mark.parametrize("name", NETWORKS)
def test_segments_in_order_are_the_whole_model(plugin_path, name):
    """Every operator runs on the same numbers, so not even a bit differs."""
    model = base(NETWORKS[name]())
    segments = cut(model)
    assert [segment.site.name for segment in segments if segment.site is not None] == SITES[name]
    (fed,) = feeds(model, 3)
    state, _ = walked(segments, fed)
    wanted = run(create_session(model), fed)
    assert np.abs(wanted[0]).max() > 0.01
    for output, values in zip(model.graph.output, wanted, strict=True):
        np.testing.assert_array_equal(state.pop(output.name), values)
    assert not state, "nothing is kept that nobody reads"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_is_in_one_segment_and_selections_cross_no_cut(name):
    model = base(NETWORKS[name]())
    segments = cut(model)
    for segment in segments:
        nodes = segment.model.graph.node
        made = {output for node in nodes for output in node.output}
        for node in nodes:
            assert not is_operator(node, SRMM) or not node.input[3] or node.input[3] in made
        if segment.site is not None:
            alone = segment.site.name == "plain"
            assert [node.op_type for node in nodes] == ([SRMM] if alone else [PREDICT, SRMM])
    parts = [node.output[0] for s in segments for node in s.model.graph.node if node.op_type != "Constant"]
    whole = [n.output[0] for n in model.graph.node if n.op_type != "Constant" and n.output[0] != "unread"]
    assert sorted(parts) == sorted(whole)


def test_the_state_holds_what_is_still_needed_only(plugin_path):
    """Behind the residual's first layer: its output twice (input and addend), never more than three."""
    model = base(residual())
    (fed,) = feeds(model, 1)
    assert walked(cut(model), fed)[1] <= 3


def test_the_model_is_not_changed():
    model = base(sequential())
    before = model.SerializeToString()
    cut(model)
    assert model.SerializeToString() == before


def test_inner_graphs_read_tensors_from_outside():
    chosen = next(node for node in outer_reads().graph.node if node.op_type == "If")
    assert sorted(set(reads(chosen))) == ["a", "b", "is_large", "two"]


def test_inner_names_hide_outer_ones():
    """A Loop's own inputs and results are no reads; what its nodes take beside them is."""
    body = helper.make_graph(
        [helper.make_node("Add", ["carried", "outer"], ["sum"])],
        "body",
        [helper.make_tensor_value_info(n, t, []) for n, t in (("i", 7), ("go", 9), ("carried", 1))],
        [helper.make_tensor_value_info(n, t, []) for n, t in (("go", 9), ("sum", 1))],
    )
    loop = helper.make_node("Loop", ["trips", "", "start"], ["result"], body=body)
    assert list(reads(loop)) == ["trips", "start", "outer"]


def with_node(node, behind):
    """The sequential network with a node behind the one that makes a tensor; the node's output is unread."""
    model = base(sequential())
    place = next(i for i, n in enumerate(model.graph.node) if behind in n.output)
    nodes = list(model.graph.node)
    nodes.insert(place + 1, node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def test_a_node_that_nobody_reads(plugin_path):
    """It stands alone between two sites, so that its segment writes nothing."""
    srmm = [node for node in base(sequential()).graph.node if is_operator(node, SRMM)]
    model = with_node(helper.make_node("Neg", [srmm[0].output[0]], ["unread"]), srmm[0].output[0])
    (fed,) = feeds(model, 2)
    state, _ = walked(cut(model), fed)
    np.testing.assert_array_equal(state["logits"], run(create_session(model), fed)[0])


def test_no_cut_where_a_type_is_not_known(plugin_path):
    """A sequence crosses the places before the second site; that site stays part of a longer stretch."""
    srmm = [node for node in base(sequential()).graph.node if is_operator(node, SRMM)]
    model = with_node(helper.make_node("SequenceConstruct", ["pooled_all"], ["list"]), srmm[0].output[0])
    srmm = [node for node in model.graph.node if is_operator(node, SRMM)]
    place = next(i for i, n in enumerate(model.graph.node) if "list" in n.output)
    model.graph.node[place].input[0] = srmm[0].output[0]
    flat = next(node for node in model.graph.node if node.output[0] == "flat")
    length = helper.make_node("SequenceLength", ["list"], ["length"])
    place = next(i for i, n in enumerate(model.graph.node) if n is flat)
    model.graph.node.insert(place, length)
    info = helper.make_tensor_value_info("length", TensorProto.INT64, [])
    model.graph.output.append(info)
    onnx.checker.check_model(model)
    segments = cut(model)
    assert "second" not in [segment.site.name for segment in segments if segment.site is not None]
    (fed,) = feeds(model, 2)
    state, _ = walked(segments, fed)
    assert state["length"] == 1
    np.testing.assert_array_equal(state["logits"], run(create_session(model), fed)[0])


def test_a_model_without_sites_is_one_segment():
    (segment,) = cut(base(no_site()))
    assert segment.site is None and segment.reads == ("input",) and segment.writes == ("logits",)
