"""No Transpose moves behind a cubic Resize."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import Net, assert_same, images, ops, rewritten


def upscaled(mode: str, sizes: bool, dims=("N", 3, "H", "W"), between: str = "") -> Net:
    made = Net()
    made.node("Relu", [made.conv(made.input("x", list(dims)), "c", 2, 3, pads=[1, 1, 1, 1])], "r")
    image = made.node(between, ["r"], "between") if between else "r"
    made.const("sizes", np.array([1, 2, 4, 3], np.int64))
    made.const("scales", np.array([1, 1, 0.5, 0.5], np.float32))
    made.node("Resize", [image, "", "", "sizes"] if sizes else [image, "", "scales"], "y", mode=mode)
    return made


@pytest.mark.parametrize("between", ["", "Sigmoid"])
def test_a_cubic_resize_to_sizes_is_held(between):
    model = upscaled("cubic", sizes=True, between=between).model("y")
    result = rewritten(model)
    (resize,) = (node for node in result.model.graph.node if node.op_type == "Resize")
    (hold,) = (node for node in result.model.graph.node if node.op_type == "Reshape")
    assert resize.input[0] == hold.output[0]
    assert hold.input[0] == ("between" if between else "r")
    assert_same(model, result, {"x": images(1, 3, 9, 7)})


@pytest.mark.parametrize(("mode", "sizes"), [("linear", True), ("nearest", True), ("cubic", False)])
def test_others_are_not(mode, sizes):
    result = rewritten(upscaled(mode, sizes).model("y"))
    assert "Reshape" not in ops(result.model)


def test_a_graph_without_sites_stays_as_it_is():
    model = upscaled("cubic", sizes=True).model("y")
    assert "Reshape" not in ops(rewritten(model, skip_rules="conv_relu,conv").model)
