"""Local response normalisation of bytes: that of what they stand for, to the nearest level."""

from __future__ import annotations

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from spl_onnx.errors import ModelError
from spl_onnx.spec import attributes as spec
from spl_onnx.spec.codes import Code
from spl_onnx.spec.reference import byte_lrn, lrn, reference_ops
from tests.one_node import one_node
from tests.spec.byte_layers import XSCALE, some_bytes

YSCALE = np.float32([0.004, 130])
#: Distance from the exact level: three times the error of a fourth root, and roundings on the way.
NEAR = 0.5 + 255 * (3 * 1.5e-5 + 40 * float(np.finfo(np.float32).eps))


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0, 0.6])
@pytest.mark.parametrize("size", [1, 2, 5, 258])
@pytest.mark.parametrize("alpha", [0.0, 1e-4, 3.0])
def test_levels_are_the_nearest(beta, size, alpha):
    norm = spec.ResponseNorm(size, float(np.float32(alpha)), float(np.float32(beta)), 2.0)
    x = some_bytes(0, 2, 3, 5, 21)
    values = lrn(Code.read("X", XSCALE).values(x), norm).astype(np.float64)
    yscale = np.float32([abs(values).max() / 120, 130])
    got = byte_lrn(x, XSCALE, yscale, norm)
    exact = values / yscale[0] + yscale[1]
    assert got.dtype == np.uint8 and len(np.unique(got)) > 9
    assert abs(got - np.clip(exact, 0, 255)).max() <= NEAR


def test_a_base_of_any_size():
    """From the smallest number to beyond what is divided by, the root has float32 precision."""
    for bias in (2.0**-126, 1e-30, 1.0, 3.7, 1e20, 2.0**96, 1e38):
        norm = spec.ResponseNorm(1, 0.0, 0.75, bias)
        share = min(np.float32(bias), 2.0**96) ** -0.75
        scale = np.float32([0.5, 0])
        y = np.float32([share / 2, 0])
        if not np.isfinite(y[0]) or y[0] < 2.0**-126:
            continue
        x = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 256)
        assert abs(byte_lrn(x, scale, y, norm).astype(int) - x).max() == 0


def test_the_node_computes_the_function():
    norm = spec.ResponseNorm(3, 0.5, 0.75, 2.0)
    types = {"X": 2}
    model = one_node(spec.Q_LRN, spec.DOMAIN_CONV, spec.lrn_attributes(norm), spec.Q_LRN_INPUTS, types=types)
    feeds = {"X": some_bytes(0, 1, 2, 3, 5), "Xscale": XSCALE, "Yscale": YSCALE}
    evaluator = ReferenceEvaluator(model, new_ops=reference_ops())
    np.testing.assert_array_equal(evaluator.run(None, feeds)[0], byte_lrn(*feeds.values(), norm))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": some_bytes(0, 2, 3, 4)}, r"uint8 \[2, 3, 4\]; wanted uint8 \[N,H,W,C\]"),
        ({"x": np.ones((1, 1, 1, 1), np.float32)}, "X has type float32; wanted uint8"),
        ({"xscale": None}, "Xscale is missing"),
        ({"yscale": np.float32([1, 0.5])}, "Yscale holds the zero point 0.5"),
        ({"norm": spec.ResponseNorm(259)}, "wanted a size of at most 258"),
        ({"norm": spec.ResponseNorm(5, -1.0)}, "alpha >= 0"),
        ({"norm": spec.ResponseNorm(5, 1.0, bias=0.0)}, "bias > 0"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    good = {"x": some_bytes(0, 1, 2, 3, 5), "xscale": XSCALE, "yscale": YSCALE, "norm": spec.ResponseNorm(5)}
    with pytest.raises(ModelError, match=message):
        byte_lrn(**(good | changes))
