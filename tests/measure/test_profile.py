"""Reading of ONNX Runtime's profile."""

from __future__ import annotations

import json

import pytest

from spl_onnx.measure.profile import (
    NodeTime,
    by_operator,
    mean_times,
    profile_in_turn,
    profile_nodes,
    split_runs,
)
from tests.small_models import small_cnn, small_images

END = {"cat": "Session", "name": "model_run", "dur": 99999}


def node(name, op, microseconds):
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": {"op_name": op}}


def test_runs_end_where_onnxruntime_says_so():
    other = {"cat": "Session", "name": "session_initialization", "dur": 9}
    fence = {"cat": "Node", "name": "a_fence_before", "dur": 1, "args": {}}
    events = [other, node("a", "Conv", 1500), fence, END, node("a", "Conv", 500), node("a", "Conv", 250), END]
    assert split_runs(json.dumps(events)) == [
        [NodeTime("a", "Conv", 1.5)],
        [NodeTime("a", "Conv", 0.5), NodeTime("a", "Conv", 0.25)],
    ]


def test_means_of_the_runs_that_are_counted():
    events = [node("a", "Conv", 9000), node("b", "Relu", 500), END]
    events += [node("a", "Conv", 1000), node("b", "Relu", 100), END]
    events += [node("a", "Conv", 3000), node("b", "Relu", 300), END]
    nodes = mean_times(split_runs(json.dumps(events))[1:])
    assert [(n.name, n.op_type, n.ms) for n in nodes] == [("a", "Conv", 2.0), ("b", "Relu", 0.2)]


def test_sums_per_operator():
    nodes = [NodeTime("a", "R", 1.0), NodeTime("b", "C", 1.5), NodeTime("c", "R", 1.0)]
    assert list(by_operator(nodes).items()) == [("R", 2.0), ("C", 1.5)]


def test_a_real_profile():
    nodes = profile_nodes(small_cnn(), [{"input": small_images(2)}], threads=1, runs=3)
    assert nodes and all(node.ms > 0 for node in nodes)
    assert any("Conv" in node.op_type for node in nodes)
    assert sum(by_operator(nodes).values()) == pytest.approx(sum(node.ms for node in nodes))


def test_models_run_in_turn_without_their_warm_up():
    feeds = [{"input": small_images(1, seed)} for seed in range(3)]
    told = []
    first, second = profile_in_turn([small_cnn(), small_cnn()], feeds, 1, warmup=2, progress=told.append)
    assert len(first) == len(second) == 3 and len(told) == 5
    assert all(any("Gemm" in event.op_type and event.ms > 0 for event in run) for run in first + second)
