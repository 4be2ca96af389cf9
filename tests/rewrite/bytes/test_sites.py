from __future__ import annotations

import numpy as np
from onnx import numpy_helper

from spl_onnx.rewrite.bytes.sites import SiteCodes, byte_sites, input_of
from spl_onnx.spec.attributes import DOMAIN_GEMM, FLOAT32, INT8_WINOGRAD
from tests.rewrite.bytes.layers import Layers


def test_sites_in_8_bits():
    net = Layers()
    net.site(net.site(net.site("x", "a"), "b", FLOAT32), "c", INT8_WINOGRAD, r="a")
    first, last = byte_sites(net.model("c").graph)
    assert (first.name, first.x, first.y, first.r, first.reads) == ("a", "x", "a", None, ("x",))
    assert (last.name, last.x, last.y, last.r, last.reads) == ("c", "b", "c", "a", ("b", "a"))
    codes = SiteCodes((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))
    assert dict(last.codes(codes)) == {"b": codes.x, "c": codes.y, "a": codes.r}
    assert dict(first.codes(codes)) == {"x": codes.x, "a": codes.y}


def test_constants_are_no_bytes():
    """A residual that is not 0, and an input that is an initializer."""
    net = Layers()
    net.constants.append(numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "one"))
    net.constants.append(numpy_helper.from_array(np.ones((1, 6, 6, 8), np.float32), "image"))
    net.site("x", "a", r="one")
    net.site("image", "b")
    net.site("x", "c", r="")
    assert [site.name for site in byte_sites(net.model("a", "b", "c").graph)] == ["c"]


def test_matrices_are_no_sites():
    net = Layers()
    net.site("x", "a")
    net.nodes[0].domain = DOMAIN_GEMM
    assert byte_sites(net.model("a").graph) == []


def test_inputs_that_are_left_out_at_the_end():
    net = Layers()
    net.site("x", "a")
    del net.nodes[0].input[2:]
    assert (input_of(net.nodes[0], "W"), input_of(net.nodes[0], "R")) == ("a/W", "")
