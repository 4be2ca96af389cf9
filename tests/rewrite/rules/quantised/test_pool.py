"""MaxPool QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import images, only, ops, reason, rewritten
from tests.rewrite.rules.quantised.layers import SIGNED, ByteNet, run_with

RULE = "qdq_pool"


def net(before: tuple[float, int] | None = SIGNED, shape=("N", 4, 9, 8), **attrs) -> ByteNet:
    """Bytes of the code `before`, or floats, that are pooled and become bytes."""
    made = ByteNet()
    x = made.input("x", shape)
    x = made.node("Neg", [x], "n") if before is None else made.bytes(x, before)
    window = {"kernel_shape": [3] * (len(shape) - 2), **attrs}
    made.bytes(made.node("MaxPool", [x], "p", **window))
    return made


@pytest.mark.parametrize("before", [SIGNED, None])
def test_bytes_are_pooled(plugin_path, before):
    """Rounding is monotone: the same bytes."""
    model = net(before, strides=[2, 1], pads=[1, 0, 1, 1], ceil_mode=1).model("p.d")
    result = rewritten(model, rules="default")
    assert only(result, RULE).site == "p.q"
    assert ops(result.model).count("QChannelsLastMaxPool") == 1
    feeds = {"x": images(2, 4, 9, 8)}
    got, expected = (run_with(m, feeds)[0] for m in (result.model, model))
    assert len(np.unique(expected)) > 20 and np.array_equal(got, expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"before": (0.05, 116)}, "have different codes"),
        ({"dilations": [2, 2]}, "has dilations [2, 2]"),
        ({"shape": (1, 4, 9)}, "1 spatial dimensions, wanted 2"),
    ],
)
def test_refused(change, words):
    assert words in reason(net(**change).model("p.d"), rules="default")


def test_pooling_of_floats_is_no_candidate():
    made = ByteNet()
    made.node("MaxPool", [made.bytes(made.input("x", [1, 4, 9, 8]))], "y", kernel_shape=[3, 3])
    assert rewritten(made.model("y"), rules="all").plan.sites == []


def test_indices_that_are_read_stay():
    made = ByteNet()
    x = made.bytes(made.input("x", [1, 4, 9, 8]))
    made.node("MaxPool", [x], ["p", "places"], kernel_shape=[3, 3])
    made.bytes("p")
    made.node("Cast", ["places"], "y", to=1)
    assert "output 'places' of MaxPool" in reason(made.model("p.d", "y"), rules="default")
