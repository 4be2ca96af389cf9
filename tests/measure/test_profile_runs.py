"""Runs in a profile."""

from __future__ import annotations

import json

from spl_onnx.measure.profile_runs import NodeEvent, profile_in_turn, split_runs
from tests.small_models import small_cnn, small_images


def node(name, op, us):
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": us, "args": {"op_name": op}}


def test_runs_end_where_onnxruntime_says_so():
    end = {"cat": "Session", "name": "model_run", "dur": 9}
    other = {"cat": "Session", "name": "session_initialization", "dur": 9}
    fence = {"cat": "Node", "name": "a_fence_before", "dur": 1, "args": {}}
    events = [other, node("a", "Conv", 1500), fence, end, node("a", "Conv", 500), node("a", "Conv", 250), end]
    assert split_runs(json.dumps(events)) == [
        [NodeEvent("a", "Conv", 1.5)],
        [NodeEvent("a", "Conv", 0.5), NodeEvent("a", "Conv", 0.25)],
    ]


def test_models_run_in_turn_without_their_warm_up():
    feeds = [{"input": small_images(1, seed)} for seed in range(3)]
    told = []
    first, second = profile_in_turn([small_cnn(), small_cnn()], feeds, 1, warmup=2, progress=told.append)
    assert len(first) == len(second) == 3 and len(told) == 5
    assert all(any("Gemm" in event.op_type and event.ms > 0 for event in run) for run in first + second)
