from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.bytes.choose import choose_codes, code_of, tensors_in_8_bits
from spl_onnx.spec.attributes import FLOAT32
from tests.rewrite.bytes.layers import Layers


def test_a_code_holds_all_values_and_0():
    assert code_of([(0.0, 51.0), (10.0, 20.0)]) == (pytest.approx(0.2), 0.0)
    assert code_of([(-25.5, -1.0), (-5.0, 0.0)]) == (pytest.approx(0.1), 255.0)
    assert code_of([(-1.0, 3.0), (-2.0, 1.0)]) == (pytest.approx(5 / 255), 102.0)
    assert code_of([(0.0, 0.0)]) == (1.0, 0.0)


def codes(net: Layers, *outputs: str, **ranges: tuple[float, float]) -> dict[str, object]:
    graph = net.model(*outputs).graph
    known = dict.fromkeys(tensors_in_8_bits(graph), (-1.0, 1.0)) | ranges
    return choose_codes(graph, known)


def test_sites_that_hand_each_other_nothing_stay():
    """A site that only floats are between it and the next one, and one between float sites."""
    net = Layers()
    net.site(net.node("Tanh", [net.site("x", "a")], "t"), "b")
    assert codes(net, "b") == {}
    net = Layers()
    net.site(net.site("x", "a", FLOAT32), "b")
    assert codes(net, net.site("b", "c", FLOAT32)) == {}


def test_sites_at_both_ends_of_bytes_have_them_everywhere():
    net = Layers()
    net.site(net.site("x", "a"), "b")
    found = codes(net, "b", a=(0.0, 51.0), b=(0.0, 102.0))
    assert found["a"].x == code_of([(-1.0, 1.0)])
    assert found["a"].y == found["b"].x == code_of([(0.0, 51.0)])
    assert found["b"].y == code_of([(0.0, 102.0)])
    assert found["a"].r is found["b"].r is None


def test_a_residual_alone_is_worth_it():
    net = Layers()
    net.site("x", "a")
    net.site(net.node("Tanh", ["a"], "t"), "b", r="a")
    found = codes(net, "b", a=(0.0, 51.0))
    assert set(found) == {"a", "b"} and found["b"].r == found["a"].y != found["b"].x


@pytest.mark.parametrize("wrong", [(0.0, np.inf), (-np.inf, 0.0), (np.nan, 1.0)])
def test_ranges_that_are_not_finite(wrong):
    net = Layers()
    net.site(net.site(net.site("x", "a"), "b"), "c")
    assert set(codes(net, "c", x=wrong)) == {"b", "c"}
    assert codes(net, "c", b=wrong) == {}


def test_ranges_that_are_missing():
    net = Layers()
    graph = net.model(net.site(net.site("x", "a"), "b")).graph
    assert choose_codes(graph, {"x": (0.0, 1.0), "a": (0.0, 1.0)}) == {}


def test_what_is_joined_is_measured():
    net = Layers()
    net.node("Concat", [net.site("x", "a"), net.node("Tanh", ["x"], "t")], "all", axis=3)
    model = net.model(net.site(net.pool("all", "p"), "b", inputs=16))
    assert set(tensors_in_8_bits(model.graph)) == {"x", "a", "t", "all", "p", "b"}
