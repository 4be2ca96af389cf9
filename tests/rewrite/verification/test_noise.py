"""Rounding noise in the original."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from spl_onnx.rewrite.process.child import Job, execute
from spl_onnx.rewrite.verification.noise import EPS, noisy_feeds, noisy_model, rounding
from tests.rewrite.builders import Net, images


def factors(model: onnx.ModelProto) -> list[float]:
    """Sizes of the noise in graph order, inner graphs where they stand."""
    found = []
    for node in noisy_model(model).graph.node:
        for graph in (a.g for a in node.attribute if a.HasField("g")):
            found += [
                a.f
                for n in graph.node
                if n.op_type == "RandomNormalLike"
                for a in n.attribute
                if a.name == "scale"
            ]
        if node.op_type == "RandomNormalLike":
            found += [a.f for a in node.attribute if a.name == "scale"]
    return found


@pytest.mark.parametrize(
    ("op", "weights", "attrs", "terms"),
    [
        ("Conv", (4, 3, 5, 5), {}, 75),
        ("ConvTranspose", (3, 4, 2, 2), {}, 12),
        ("Gemm", (6, 7), {}, 6),
        ("Gemm", (7, 6), {"transB": 1}, 6),
        ("MatMul", (6, 7), {}, 6),
    ],
)
def test_noise_goes_with_the_length_of_the_sums(op, weights, attrs, terms):
    made = Net()
    shape = [1, 3, 8, 8] if op.startswith("Conv") else [2, 6]
    made.node(op, [made.input("x", shape), made.random("w", *weights)], "y", **attrs)
    (size,) = factors(made.model("y"))
    assert size == pytest.approx(EPS * math.sqrt(terms))


def test_nodes_without_constant_float_weights_have_none():
    made = Net()
    made.node("MatMul", [made.input("x", [3, 3]), "x"], "y")
    made.node("Relu", ["y"], "z")
    assert factors(made.model("z")) == []


def test_layers_in_branches_have_noise_too():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 6, 6]), "c", 3, 2)], "t")
    assert factors(made.in_if("t")) == pytest.approx([rounding(18)])


def test_every_run_has_other_noise_of_the_size_of_rounding():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 16, 12, 12]), "c", 8, 16)], "y")
    model = made.model("y")
    before = model.SerializeToString()
    feeds = {"x": images(1, 16, 12, 12)}
    (expected,) = execute(Job(before, feeds))[0]
    runs = [run[0] for run in execute(Job(noisy_model(model).SerializeToString(), feeds, repeat=3))]
    gaps = [float(np.abs(run - expected).max() / np.abs(expected).max()) for run in runs]
    assert all(EPS < gap < 100 * rounding(144) for gap in gaps)
    assert not np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[1], runs[2])
    assert model.SerializeToString() == before, "the original is not changed"


def test_inputs_are_moved_by_about_one_rounding():
    feeds = {"x": images(4, 50), "i": np.arange(3)}
    moved = noisy_feeds(feeds, 0)
    gaps = np.abs(moved["x"] - feeds["x"]) / np.abs(feeds["x"])
    assert 0 < gaps.max() < 8 * EPS
    assert np.array_equal(moved["i"], feeds["i"])
    assert np.array_equal(moved["x"], noisy_feeds(feeds, 0)["x"])
