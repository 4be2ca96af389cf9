from __future__ import annotations

import pytest

from spl_onnx.rewrite.bytes.groups import Groups
from spl_onnx.rewrite.bytes.norms import norms_between
from spl_onnx.rewrite.bytes.sites import byte_sites
from tests.rewrite.bytes.layers import Layers


def found(net: Layers, *outputs: str) -> list[tuple[str, str, tuple[str, ...]]]:
    graph = net.model(*outputs).graph
    norms = norms_between(graph, Groups(graph), byte_sites(graph))
    return [(norm.x, norm.y, norm.reads) for norm in norms]


def test_normalisations_between_sites():
    """Pooling in front and behind passes bytes on."""
    net = Layers()
    net.pool(net.norm(net.pool(net.site("x", "a"), "p"), "n"), "q")
    assert found(net, net.site("q", "b")) == [("p", "n", ("p",))]


def test_normalisations_at_an_end():
    net = Layers()
    net.site(net.norm("x", "n"), "a")
    assert found(net, net.norm("a", "m")) == []


@pytest.mark.parametrize("how", [{"size": 300}, {"alpha": -1.0}, {"bias": 0.0}])
def test_normalisations_that_do_not_suit_bytes(how):
    net = Layers()
    assert found(net, net.site(net.norm(net.site("x", "a"), "n", **how), "b")) == []


def test_normalisations_that_nothing_can_mean():
    net = Layers()
    net.site(net.norm(net.site("x", "a"), "n"), "b")
    del net.nodes[1].attribute[:]
    assert found(net, "b") == []
