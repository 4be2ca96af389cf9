"""Reading a Conv."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.rewrite.rules.conv_node import folded_weights, read_conv
from spl_onnx.rewrite.rules.site import Refused
from spl_onnx.spec.attributes import ConvGeometry
from tests.rewrite.builders import EPS, Net, rewritten
from tests.rewrite.rules.matches import node_of, scope_of


def test_two_dimensions():
    made = Net()
    attrs = {"strides": [1, 2], "pads": [1, 2, 3, 4], "dilations": [2, 1], "group": 2}
    made.conv(made.input("x", [1, 4, 9, 9]), "c", 6, 2, 3, 2, **attrs)
    scope = scope_of(made, "c")
    shape = read_conv(scope, node_of(scope, "c"))
    assert (shape.spatial, shape.w_shape) == (2, (6, 2, 3, 2))
    assert shape.geometry == ConvGeometry((1, 2), (1, 2, 3, 4), (2, 1), 2)


def test_one_dimension_gets_a_height():
    made = Net()
    made.conv(made.input("x", [1, 4, 9]), "c", 6, 4, 3, strides=[2], pads=[3, 4], dilations=[5])
    scope = scope_of(made, "c")
    shape = read_conv(scope, node_of(scope, "c"))
    assert (shape.spatial, shape.w_shape) == (1, (6, 4, 3))
    assert shape.geometry == ConvGeometry((1, 2), (0, 3, 0, 4), (1, 5), 1)
    w, _ = folded_weights(scope, node_of(scope, "c"), [])
    assert w.shape == (6, 1, 3, 4)


def test_weights_are_folded_in_double_precision():
    made = Net()
    made.norm(made.conv(made.input("x", [1, 4, 5, 5]), "c", 6, 4), "n", 6)
    scope = scope_of(made, "n")
    conv, norm = node_of(scope, "c"), node_of(scope, "n")
    w, b = folded_weights(scope, conv, [norm])
    plain, bias = (scope.constant(t).astype(np.float64) for t in conv.inputs[1:])
    scale, shift, mean, variance = (scope.constant(t).astype(np.float64) for t in norm.inputs[1:])
    factor = scale / np.sqrt(variance + 1e-5)
    expected = (plain * factor[:, None, None, None]).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(
        w, expected, rtol=EPS / 2, err_msg="one rounding is half a unit in the last place"
    )
    np.testing.assert_allclose(b, (bias - mean) * factor + shift, rtol=2 * EPS, atol=EPS)
    assert w.flags.c_contiguous
    assert w.dtype == b.dtype == np.float32


@pytest.mark.parametrize("shape", [(5,), (1,), (6, 1)])
def test_a_bias_of_the_wrong_size_is_refused(shape):
    made = Net()
    made.conv(made.input("x", [1, 4, 5, 5]), "c", 6, 4, bias=False)
    made.nodes[-1].input.append(made.random("b", *shape))
    scope = scope_of(made, "c")
    with pytest.raises(Refused, match="bias of Conv 'c_node' has shape"):
        read_conv(scope, node_of(scope, "c"))


@pytest.mark.parametrize("shape", [[1, 3, 8], [1, 3, 8, 8, 8], [1, 4, 8, 8]])
def test_refuses_an_input_that_does_not_fit_the_weights(shape):
    made = Net()
    made.node(
        "Relu", [made.conv(made.input("x", shape), "c", 4, 3, auto_pad="SAME_UPPER", strides=[2, 2])], "y"
    )
    site = rewritten(made.broken("y"), no_verify=True).plan.sites[0]
    assert site.choice == "dense" and "wanted 4 dimensions and 3 channels" in site.reason
