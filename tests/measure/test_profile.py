"""Reading of ONNX Runtime's profile."""

from __future__ import annotations

import json

import pytest

from spl_onnx.measure.profile import by_operator, profile_nodes, summarise
from tests.small_models import small_cnn, small_images


def event(name, op, microseconds, category="Node"):
    return {"cat": category, "name": name, "dur": microseconds, "args": {"op_name": op}}


def test_means_leave_the_first_runs_out():
    events = [
        event("a_kernel_time", "Conv", 9000),
        event("b_kernel_time", "Relu", 500),
        event("a_kernel_time", "Conv", 1000),
        event("b_kernel_time", "Relu", 100),
        event("a_kernel_time", "Conv", 3000),
        event("b_kernel_time", "Relu", 300),
        event("a_fence_before", "Conv", 77),
        event("model_run", "", 99999, "Session"),
    ]
    nodes = summarise(json.dumps(events), skip=1)
    assert [(n.name, n.op_type, n.ms) for n in nodes] == [("a", "Conv", 2.0), ("b", "Relu", 0.2)]


def test_sums_per_operator():
    events = [
        event(f"{n}_kernel_time", op, t)
        for n, op, t in (("a", "R", 1000), ("b", "C", 1500), ("c", "R", 1000))
    ]
    assert list(by_operator(summarise(json.dumps(events), 0)).items()) == [("R", 2.0), ("C", 1.5)]


def test_a_real_profile():
    nodes = profile_nodes(small_cnn(), [{"input": small_images(2)}], threads=1, runs=3)
    assert nodes and all(node.ms > 0 for node in nodes)
    assert any("Conv" in node.op_type for node in nodes)
    assert sum(by_operator(nodes).values()) == pytest.approx(sum(node.ms for node in nodes))
