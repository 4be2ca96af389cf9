"""Layers with weights between bytes: why they are converted."""

from __future__ import annotations

import pytest

from tests.rewrite.builders import only, rewritten
from tests.rewrite.rules.quantised.layers import SIGNED, ByteNet, chain


def product() -> ByteNet:
    made = ByteNet()
    x = made.bytes(made.input("x", ["N", 4]))
    made.bytes(made.node("MatMul", [x, made.weights("w", 4, 8, axis=1)], "c"))
    return made


@pytest.mark.parametrize(("made", "rule"), [(chain, "qdq_conv"), (product, "qdq_gemm")])
def test_the_reason_names_the_scale_of_the_result(made, rule):
    entry = only(rewritten(made().model("c.d"), rules="default"), rule)
    assert entry.reason.startswith(f"multiplies the model's own bytes; its result has scale {SIGNED[0]:.3g}")
