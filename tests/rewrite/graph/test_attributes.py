"""Attributes are of the right type and range, or an error says what they are."""

from __future__ import annotations

import onnx
import pytest
from onnx import helper

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.attributes import LARGEST, Attributes

GIVEN = Attributes(
    {
        "group": 2,
        "pads": [0, 1],
        "alpha": 0.5,
        "auto_pad": b"VALID",
        "empty": [],
        "flag": True,
        "big": 1 << 40,
    },
    "Conv 'c'",
)


def test_values():
    assert GIVEN.integer("group") == 2 and GIVEN.integer("axis", 1) == 1
    assert GIVEN.integers("pads", 2) == (0, 1) == GIVEN.integers("pads")
    assert GIVEN.integers("strides", 2, [1, 1]) == (1, 1) == GIVEN.integers("empty", 2, [1, 1])
    assert (
        GIVEN.number("alpha", 1.0) == 0.5
        and GIVEN.number("group", 1.0) == 2.0
        and GIVEN.number("beta", 1.0) == 1.0
    )
    assert GIVEN.word("auto_pad", "NOTSET") == "VALID" and GIVEN.word("mode", "linear") == "linear"
    assert "pads" in GIVEN and "strides" not in GIVEN


@pytest.mark.parametrize(
    "read",
    [
        lambda: GIVEN.integer("axis"),
        lambda: GIVEN.integer("pads"),
        lambda: GIVEN.integer("alpha"),
        lambda: GIVEN.integer("flag"),
        lambda: GIVEN.integer("group", least=3),
        lambda: GIVEN.integer("big"),
        lambda: GIVEN.integers("pads", 4),
        lambda: GIVEN.integers("pads", 2, least=1),
        lambda: GIVEN.integers("group"),
        lambda: GIVEN.integers("auto_pad"),
        lambda: GIVEN.integers("strides", 2),
        lambda: GIVEN.number("pads", 0.0),
        lambda: GIVEN.number("auto_pad", 0.0),
        lambda: GIVEN.word("group", ""),
    ],
)
def test_wrong_values(read):
    with pytest.raises(ModelError, match=r"Conv 'c': attribute \w+ is .*, wanted "):
        read()


def test_of_a_node():
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", strides=[2, 2], group=3)
    node.attribute.add(name="odd", type=onnx.AttributeProto.UNDEFINED)
    given = Attributes.of(node)
    assert given.integers("strides", 2) == (2, 2) and given.integer("group") == 3
    with pytest.raises(ModelError, match="attribute odd is missing"):
        given.integer("odd", 1)
    assert LARGEST == 2**31 - 1
