"""What all rules with a convolution share."""

from __future__ import annotations

import pytest

from spl_onnx.rewrite.rules.conv_base import ConvRule
from spl_onnx.rewrite.rules.registry import RULES
from spl_onnx.rewrite.rules.site import Refused
from spl_onnx.spec.attributes import Activation, Pooling
from tests.rewrite.rules.matches import node_of, scope_of
from tests.rewrite.rules.test_conv_relu_pool import net

RULE = next(rule for rule in RULES if rule.name == "conv_relu_pool")


def matched(**pool):
    scope = scope_of(net(**pool), "y")
    (match,) = RULE.pattern(scope, node_of(scope, "c"))
    return match


def test_the_site_has_all_parts():
    match = matched()
    site = RULE.site(match, RULE.fold(match))
    assert isinstance(RULE, ConvRule)
    assert site.x.name == "x"
    assert (site.w.shape, site.b.shape) == ((5, 3, 3, 3), (5,))
    assert site.geometry.pads == (1, 1, 1, 1)
    assert site.pooling == Pooling((2, 2), (2, 2))
    assert site.activation == Activation.relu()
    assert (site.residual, site.is_image, site.select_all) == (None, True, False)


def test_examine_looks_at_every_part():
    RULE.examine(matched())
    with pytest.raises(Refused, match="dilations"):
        RULE.examine(matched(kernel_shape=[2, 2], dilations=[3, 1]))
