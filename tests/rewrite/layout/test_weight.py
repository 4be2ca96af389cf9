"""Sizes of tensors with free dimensions."""

from __future__ import annotations

import pytest

from spl_onnx.rewrite.layout.weight import FREE_SIZE, elements


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((2, 3, 4, 5), 120),
        (("N", 3, 4, 5), 60),
        ((None, 3, 4, 5), 60),
        (("N", 3, "H", None), 3 * FREE_SIZE**2),
        ((1, 8, "win(H,-1,2)", 1), 8 * 32),
        ((1, 8, "win(win(H,-1,2),-1,2)", 1), 8 * 16),
        ((1, 8, "same(H,3)", 1), 8 * 22),
        ((1, 8, "win(H,0,2,1)", 1), 8 * 33),
        ((1, 8, "win(a name, with commas)", 1), 8 * FREE_SIZE),
        ((1, 8, "win(win(H,-60,9),-60,9)", 1), 8),
        ((0, 3, 4, 5), 1),
        (None, FREE_SIZE**3),
    ],
)
def test_elements(shape, wanted):
    assert elements(shape) == wanted
