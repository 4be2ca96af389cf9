"""Random networks: whatever the rules find in them, the result computes the same."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spl_onnx.rewrite.verify import difference
from tests.rewrite.builders import Net, images, ops, rewritten, run

STEPS = ["conv", "norm", "relu", "clip", "pool", "add", "concat", "scale", "identity", "transpose", "output"]
#: Layers as networks have them; single steps come between, so that many are almost a site.
MOTIFS = [
    ["conv", "relu"],
    ["conv", "norm", "clip"],
    ["conv", "scale", "relu", "pool"],
    ["conv", "pool"],
    ["conv", "identity", "pool", "relu"],
    ["conv", "norm", "add", "relu"],
    ["conv", "add", "relu", "pool"],
    ["conv", "relu", "concat", "pool"],
    *([step] for step in STEPS),
]


def grow(draw: st.DrawFn) -> tuple[Net, list[str]]:
    """A network of random layers that keep height and width, and its outputs."""
    made = Net(opset=draw(st.sampled_from([11, 13, 17])), seed=draw(st.integers(0, 1000)))
    values = [(made.input("x", ["N", 4, "H", "W"]), 4)]
    outputs = []
    steps = [
        step for motif in draw(st.lists(st.sampled_from(MOTIFS), min_size=1, max_size=6)) for step in motif
    ]
    for number, step in enumerate(steps):
        # The last value is the most likely one, so that chains arise; older ones make forks.
        back = -1 if draw(st.integers(0, 9)) else draw(st.sampled_from([-2, 0]))
        value, channels = values[back % len(values)]
        name = f"v{number}"
        if step == "conv":
            kernel, out = draw(st.sampled_from([1, 3])), draw(st.sampled_from([4, 6]))
            group = draw(st.sampled_from([1, 2]))
            made.conv(
                value, name, out, channels // group, kernel, kernel, pads=[kernel // 2] * 4, group=group
            )
            channels = out
        elif step == "norm":
            made.norm(value, name, channels)
        elif step == "relu":
            made.node("Relu", [value], name)
        elif step == "clip":
            made.node(
                "Clip",
                [value, made.const(f"{name}.lo", np.float32(0)), made.const(f"{name}.hi", np.float32(2))],
                name,
            )
        elif step == "pool":
            made.node("MaxPool", [value], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        elif step == "add":
            others = [other for other, count in values if count == channels]
            made.node("Add", [value, draw(st.sampled_from(others))], name)
        elif step == "concat":
            other, count = draw(st.sampled_from(values))
            made.node("Concat", [value, other], name, axis=1)
            channels += count
        elif step == "scale":
            made.node("Mul", [value, made.random(f"{name}.k", channels, 1, 1)], name)
        elif step == "identity":
            made.node("Identity", [value], name)
        elif step == "transpose":
            made.node("Transpose", [value], f"{name}.t", perm=[0, 2, 3, 1])
            made.node("Transpose", [f"{name}.t"], name, perm=[0, 3, 1, 2])
        else:
            if value != "x" and value not in outputs:
                outputs.append(value)
            continue
        values.append((name, channels))
    if values[-1][0] != "x" and values[-1][0] not in outputs:
        outputs.append(values[-1][0])
    return made, outputs


@st.composite
def networks(draw: st.DrawFn) -> tuple[Net, list[str]]:
    return grow(draw)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.booleans())
def test_random_networks(network, lossless):
    made, outputs = network
    if not outputs:
        return
    model = made.model(*outputs)
    feeds = {"x": images(2, 4, 6, 7)}
    # Verification inside `rewritten` checks validity; sizes differ from its own here.
    result = rewritten(model, lossless=lossless, input_shape={"x": (1, 4, 5, 5)})
    names = [node.name for node in result.model.graph.node]
    assert len(set(names)) == len(names)
    assert ops(result.model).count("SRMM") == result.report["rewritten"]
    for got, expected in zip(run(result.model, feeds), run(model, feeds), strict=True):
        assert difference(got, expected) <= result.report["verification"].get("tolerance", 0.0) * 4
