from __future__ import annotations

from spl_onnx.rewrite.bytes.groups import Groups
from spl_onnx.rewrite.bytes.sites import byte_sites
from spl_onnx.spec.attributes import FLOAT32
from tests.rewrite.bytes.layers import Layers


def two_groups() -> Layers:
    """A pooled Concat of a site and floats, and another one of sites alone."""
    net = Layers()
    net.site("x", "a")
    net.node("Tanh", ["x"], "t")
    net.pool(net.node("Concat", ["a", "t"], "one", axis=3), "p")
    net.node("Concat", [net.site("p", "b", inputs=16), net.site("p", "c", inputs=16)], "two", axis=3)
    net.node("Sigmoid", ["two"], "s")
    return net


def test_joined_tensors_are_one_group():
    groups = Groups(two_groups().model("s").graph)
    assert len({groups.of(name) for name in ("a", "t", "one", "p")}) == 1
    assert len({groups.of(name) for name in ("b", "c", "two")}) == 1
    assert len({groups.of(name) for name in ("x", "a", "b", "s")}) == 4
    assert sorted(sorted(group) for group in groups.members().values()) == [
        ["a", "one", "p", "t"],
        ["b", "c", "two"],
    ]


def test_groups_that_nothing_but_sites_reads():
    """Floats become bytes before they are pooled, where pooled ones and they themselves are read as bytes."""
    net = Layers()
    net.node("Tanh", ["x"], "t")
    net.pool("t", "p")
    net.site("t", "a")
    net.site("p", "b")
    graph = net.model("a", "b").graph
    groups, sites = Groups(graph), byte_sites(graph)
    assert groups.of("t") in groups.as_bytes(sites)
    assert groups.of("t") not in groups.as_bytes(sites[:1])
    graph.output.add(name="p")
    assert groups.of("t") not in Groups(graph).as_bytes(sites)


def test_groups_that_are_bytes():
    """Sites write and read the first one, nothing but sites writes the second."""
    graph = two_groups().model("s").graph
    groups, sites = Groups(graph), byte_sites(graph)
    assert groups.as_bytes(sites) == {groups.of("a"), groups.of("b")}
    assert groups.as_bytes(sites[:1]) == set(), "nobody reads it"
    assert groups.as_bytes(sites[1:2]) == set(), "c writes floats into the second one"
    assert groups.as_bytes(sites[1:]) == {groups.of("a"), groups.of("b")}, "b and c read the first one"


def test_a_concat_with_constants_joins_nothing():
    net = Layers()
    net.node("Concat", [net.site("x", "a"), "zero"], "one", axis=3)
    graph = net.model(net.site("one", "b", FLOAT32)).graph
    assert Groups(graph).members() == {}
    assert not any(Groups(graph).joins(node) for node in graph.node)
