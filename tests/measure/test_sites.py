"""Converted sites as the nodes say, and counting of what a selection asks for."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.measure.sites import computed_outputs, converted_sites
from spl_onnx.options import RewriteOptions
from spl_onnx.spec.attributes import ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_predict
from spl_onnx.spec.shapes import pool_direction
from spl_onnx.steps import rewrite_model
from tests.rewrite.bytes.layers import Layers, images, passing
from tests.small_models import small_cnn


def sites_of(**options):
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True, **options)).model
    return {site.name: site for site in converted_sites(model)}


def test_sites_of_a_model():
    sites = sites_of()
    assert list(sites) == ["pooled", "second", "hidden"]
    assert (
        sites["pooled"].pooling == Pooling((2, 2), (2, 2))
        and sites["pooled"].selection
        and sites["pooled"].wp
    )
    assert sites["hidden"].geometry is None
    assert sites["pooled"].places((2, 8, 8, 3), (8, 3, 3, 3)) == (2, 8, 8, 8)
    assert sites["hidden"].places((2, 16), (12, 16)) == (2, 12)


def test_sites_of_bytes_know_what_stands_for_0():
    net = Layers()
    made = passing(net.model(net.site(net.site("x", "a"), "b")), images())
    first, last = converted_sites(made)
    assert (first.name, last.name, last.zero_byte) == ("a", "b", 0)
    assert first.zero_byte == round(-images().min() * 255 / np.ptp(images()))
    del made.graph.initializer[:]
    with pytest.raises(
        ModelError, match="is no QSRMM, wanted scale and zero point of its input as constants"
    ):
        converted_sites(made)


def test_lossless_sites_have_no_selection():
    assert all(site.selection is None and site.wp is None for site in sites_of(lossless=True).values())


def test_without_pooling_every_one_counts():
    s = np.array([[1, 0, 1], [0, 0, 1]], np.uint8)
    assert computed_outputs(s, Pooling.none(), (2, 3)) == 3


def test_windows_that_share_a_place_count_it_once():
    """One row of 4 places, windows of 2 with step 1: 0 and 1 both want place 1, window 2 wants place 3."""
    pooling = Pooling((1, 2), (1, 1))
    s = np.array([2, 1, 2], np.uint8).reshape(1, 1, 3, 1)
    assert computed_outputs(s, pooling, (1, 1, 4, 1)) == 2


def brute_force(s, pooling, places):
    """Different places, one by one."""
    wanted = set()
    for (n, p, q, o), value in np.ndenumerate(s):
        if value:
            row, column = divmod(int(value) - 1, pooling.kernel[1])
            y = p * pooling.strides[0] - pooling.pads[0] + row
            x = q * pooling.strides[1] - pooling.pads[1] + column
            wanted.add((n, y, x, o))
    assert all(0 <= place[i] < places[i] for place in wanted for i in range(4))
    return len(wanted)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_counting_of_any_pooling(data):
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(2, 3)))
    strides = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = tuple(data.draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    pooling = Pooling(kernel, strides, pads, data.draw(st.booleans()))
    size = data.draw(st.tuples(st.integers(3, 7), st.integers(3, 7)))
    assert all(pool_direction(i, size[i], pooling) > 0 for i in (0, 1))
    g = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = g.standard_normal((2, *size, 2)).astype(np.float32)
    w = g.standard_normal((3, 1, 1, 2)).astype(np.float32)
    s = conv_predict(x, w, np.zeros(3, np.float32), geometry=ConvGeometry(), pooling=pooling)
    assert computed_outputs(s, pooling, (2, *size, 3)) == brute_force(s, pooling, (2, *size, 3))


def test_the_name_survives_a_renamed_node():
    model = rewrite_model(small_cnn(), RewriteOptions(no_verify=True)).model
    for node in model.graph.node:
        node.name = node.name.replace("/srmm", "/srmm_1")
    assert "pooled" in [site.name for site in converted_sites(model)]


@pytest.mark.parametrize(("options", "w_shape"), [({}, (12, 16)), ({"lossless": True}, (16, 12))])
def test_work_of_a_matrix_in_either_order(options, w_shape):
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True, **options)).model
    site = next(site for site in converted_sites(model) if site.name == "hidden")
    assert tuple(next(t.dims for t in model.graph.initializer if t.name == site.w)) == w_shape
    assert site.places((2, 3, 16), w_shape) == (2, 3, 12)
    assert site.macs_per_output(w_shape) == 16


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_weights_are_found(options):
    assert all(site.w and site.x for site in sites_of(**options).values())


def changed(change):
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model
    change(next(node for node in model.graph.node if node.op_type == "SRMM" and node.domain == "ai.spl.conv"))
    return model


def attribute(name, **fields):
    def change(node):
        found = next(a for a in node.attribute if a.name == name)
        found.CopyFrom(onnx.AttributeProto(name=name, **fields))

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.ClearField("input"),
        lambda node: node.ClearField("output"),
        lambda node: node.ClearField("attribute"),
        attribute("strides", type=onnx.AttributeProto.INT, i=2),
        attribute("strides", type=onnx.AttributeProto.STRING, s=b"22"),
        attribute("pads", type=onnx.AttributeProto.INTS, ints=[1]),
        attribute("group", type=onnx.AttributeProto.FLOAT, f=1.5),
        attribute("pool_kernel", type=onnx.AttributeProto.FLOATS, floats=[2.0, 2.0]),
    ],
)
def test_nodes_that_mean_nothing(change):
    with pytest.raises(ModelError, match=r"wanted|missing"):
        converted_sites(changed(change))
