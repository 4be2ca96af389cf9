"""Images that become channels-last bytes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from spl_onnx.errors import ModelError
from spl_onnx.spec import attributes as spec
from spl_onnx.spec.reference import quantize_planes, reference_ops
from tests.one_node import one_node

SCALE = np.float32([0.5, 100])
X = np.float32([[[[-1.0, 0.0, 0.75]], [[1000.0, -np.inf, np.nan]]]])


def test_bytes_channels_last():
    """0.75 is one and a half steps: ties go to even."""
    got = quantize_planes(X, SCALE)
    assert got.dtype == np.uint8 and got.flags.c_contiguous
    assert got.tolist() == [[[[98, 255], [100, 0], [102, 0]]]]


def test_the_node_computes_the_function():
    model = one_node(spec.QUANTIZE, spec.DOMAIN_CONV, {}, ["x", "s"])
    evaluator = ReferenceEvaluator(model, new_ops=reference_ops())
    np.testing.assert_array_equal(evaluator.run(None, {"x": X, "s": SCALE})[0], quantize_planes(X, SCALE))


@pytest.mark.parametrize(
    ("x", "scale", "message"),
    [
        (X[0], SCALE, r"float32 \[2, 1, 3\]; wanted float32 \[N,C,H,W\]"),
        (X.astype(np.float64), SCALE, r"float64 \[1, 2, 1, 3\]; wanted float32"),
        (X, None, "Yscale is missing"),
        (X, np.float32([0.5, 256]), "Yscale holds the zero point 256"),
    ],
)
def test_what_does_not_fit_is_refused(x, scale, message):
    with pytest.raises(ModelError, match=message):
        quantize_planes(x, scale)
