"""DequantizeLinear Conv [Relu|Clip(0,b)] Concat QuantizeLinear."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import images, ops, rewritten
from tests.rewrite.rules.quantised.layers import POSITIVE, SIGNED, ByteNet, run_with, sites, steps_apart

RULE = "qdq_conv_concat"
FEEDS = {"x": images(2, 4, 9, 8)}
WHOLE = (0.06, 100)


def branches(axis: int = 1, plain: bool = False, codes: tuple = (SIGNED, POSITIVE)) -> ByteNet:
    """Two convolutions with bytes of these codes, and the input where it is wanted, joined."""
    made = ByteNet()
    x = made.bytes(made.input("x", ["N", 4, 9, 8]))
    for name, code in zip("ab", codes, strict=True):
        made.bytes(made.byte_conv(x, name, 8, 4), code)
    made.node("Concat", ["a.d", *([x] if plain else []), "b.d"], "cat", axis=axis)
    made.bytes("cat", WHOLE)
    return made


@pytest.mark.parametrize("axis", [1, -3])
@pytest.mark.parametrize("plain", [False, True])
def test_branches_have_the_code_of_the_whole(plugin_path, axis, plain):
    model = branches(axis, plain).model("cat.d")
    result = rewritten(model, rules="default")
    assert {site.site: site.rule for site in result.plan.sites} == {"a.d/joined": RULE, "b.d/joined": RULE}
    assert ops(result.model).count("QuantizeLinear") == 2 * plain
    gap = steps_apart(model, result, FEEDS, WHOLE[0])
    assert gap.max() <= 0.5 * SIGNED[0] / WHOLE[0] + 1


def test_what_the_bytes_of_a_branch_cut_off_stays_cut_off(plugin_path):
    """Those of b begin at 0 and end at 2.805, those of the whole do not."""
    model = branches(codes=(SIGNED, (0.011, 0))).model("cat.d")
    got = run_with(rewritten(model, rules="default").model, FEEDS)[0][:, 8:]
    ends = np.array([0.0, round(2.805 / WHOLE[0]) * WHOLE[0]], np.float32)
    np.testing.assert_allclose([got.min(), got.max()], ends, atol=1e-6)


def test_the_next_layer_takes_the_bytes(plugin_path):
    made = branches()
    made.bytes(made.byte_conv("cat.d", "c", 8, 16))
    model = made.model("c.d")
    result = rewritten(model, rules="default")
    assert ops(result.model) == [
        *("ChannelsLastQuantize", "Concat", "DequantizeLinear", "QSRMM", "QSRMM", "QSRMM", "Transpose"),
    ]


@pytest.mark.parametrize("extra", ["a.d", "cat"])
def test_bytes_that_are_also_read_elsewhere(extra):
    made = branches()
    made.node("Neg", [extra], "other")
    joined = {} if extra == "cat" else {"b.d/joined": RULE}
    plain = {"a.q": "qdq_conv", "b.q": "qdq_conv"} if extra == "cat" else {"a.q": "qdq_conv"}
    assert sites(made.model("cat.d", "other")) == {**joined, **plain}


def test_other_axes():
    assert sites(branches(2).model("cat.d")) == {"a.q": "qdq_conv", "b.q": "qdq_conv"}


def test_floats_behind_the_concat():
    made = ByteNet()
    x = made.bytes(made.input("x", [1, 4, 9, 8]))
    for name in "ab":
        made.bytes(made.byte_conv(x, name, 8, 4))
    made.node("Concat", ["a.d", "b.d"], "y", axis=1)
    assert sites(made.model("y")) == {"a.q": "qdq_conv", "b.q": "qdq_conv"}


def test_inside_if(plugin_path):
    model = branches().in_if("cat.d")
    result = rewritten(model, rules="default")
    assert result.plan.counts() == {RULE: 2}
    feeds = {"x": FEEDS["x"], "cond": np.array(True)}
    got, expected = (run_with(m, feeds)[0] for m in (result.model, model))
    assert np.abs(got - expected).max() <= 0.5 * SIGNED[0] + WHOLE[0] + 1e-6
