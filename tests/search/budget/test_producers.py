"""Which sites feed which."""

from __future__ import annotations

import pytest

from spl_onnx.search.budget.producers import producers
from tests.rewrite.builders import Net, rewritten
from tests.search.network import networks
from tests.search.network.networks import IMAGE, SAME, base, head, relu_conv


def concat_of_matrices():
    """Sites `one` (3 wide) and `two` (5 wide) joined for `three`."""
    net = Net()
    net.input("input", ["N", 6])
    for name, width in (("one", 3), ("two", 5)):
        net.node("Gemm", ["input", net.random(f"{name}.w", 6, width)], f"{name}.g")
        net.node("Relu", [f"{name}.g"], name)
    net.node("Concat", ["one", "two"], "joined", axis=1)
    net.node("Gemm", ["joined", net.random("three.w", 8, 4)], "three.g")
    net.node("Relu", ["three.g"], "three")
    return net.model("three")


def behind_pool_and_norm():
    """Sites `pool`, `b`, `c`, `d`: zeros survive LRN and a product, not an average or a sum of two."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    net.node("MaxPool", ["a"], "pool", kernel_shape=[3, 3], **SAME)
    net.node("LRN", ["pool"], "norm", size=3)
    net.node("Mul", ["norm", net.const("half", 0.5 + 0 * net.rng.random((1, 4, 1, 1), "float32"))], "scaled")
    relu_conv(net, "scaled", "b", 4, 4, **SAME)
    net.node("AveragePool", ["b"], "smooth", kernel_shape=[3, 3], **SAME)
    relu_conv(net, "smooth", "c", 4, 4, **SAME)
    net.node("Add", ["c", "b"], "sum")
    relu_conv(net, "sum", "d", 4, 4, **SAME)
    return head(net, "d", 4)


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (networks.sequential, {"second": {"pooled": 1.0}}),
        (
            networks.residual,
            {"b": {"a": 1.0}, "sum": {"b": 1.0}, "last": {"sum": 1.0}},
        ),
        (networks.itself_added, {"sum": {"a": 1.0}}),
        (
            networks.branches,
            {
                "left": {"stem": 1.0},
                "right.1": {"stem": 1.0},
                "right.2": {"right.1": 1.0},
                "last": {"left": 3 / 14, "right.2": 5 / 14, "stem": 6 / 14},
            },
        ),
        (networks.pooled_branches, {"last": {"left/pooled": 0.5, "right/pooled": 0.5}}),
        (networks.matrices, {"two": {"one": 1.0}}),
        (concat_of_matrices, {"three": {"one": 3 / 8, "two": 5 / 8}}),
        (behind_pool_and_norm, {"b": {"pool": 1.0}}),
        (networks.no_site, {}),
    ],
)
def test_who_feeds_whom(make, wanted):
    """The same in a network that is predicted and in one that is exact, where weights lie otherwise."""
    for model in (base(make()), rewritten(make(), lossless=True).model):
        found = producers(model)
        assert {name: pytest.approx(shares) for name, shares in wanted.items()} == found
        assert all(sum(shares.values()) == pytest.approx(1) for shares in found.values())
