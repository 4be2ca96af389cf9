"""Values of options have the types that they need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spl_onnx.data import DataOptions
from spl_onnx.errors import UsageError
from spl_onnx.option_types import check_shapes
from spl_onnx.options import RewriteOptions


@pytest.mark.parametrize(
    "values",
    [
        {"keep": 1, "seed": np.int64(3), "max_drop": np.float32(0.1)},
        {"plan": Path("p.json"), "rules": ["conv"], "skip_rules": "conv"},
        {"input_shape": {"x": [1, np.int64(3)]}},
    ],
)
def test_good_types(values):
    RewriteOptions(**values)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"keep": "half"}, r"--keep: got 'half' \(str\), wanted float | None"),
        ({"threads": "2"}, r"--threads: got '2' \(str\), wanted int"),
        ({"threads": 1.5}, r"--threads: got '1.5' \(float\)"),
        ({"max_drop": None}, "--max-drop: got 'None'"),
        ({"rules": 3}, r"--rules: got '3' \(int\)"),
        ({"predictor": None}, "--predictor: got 'None'"),
        ({"input_shape": "x:1,3"}, "--input-shape: got 'x:1,3'"),
        ({"input_shape": {"x": (1, -3)}}, r"--input-shape: got 'x': \(1, -3\), wanted name:1,3,224,224"),
        ({"input_shape": {"x": (1, 1 << 40)}}, "--input-shape: got 'x'"),
        ({"input_shape": {"x": "13"}}, "--input-shape: got 'x'"),
        ({"input_shape": {3: (1,)}}, "--input-shape: got '3'"),
    ],
)
def test_bad_types(values, text):
    with pytest.raises(UsageError, match=text):
        RewriteOptions(**values)


@pytest.mark.parametrize(
    "values", [{"limit": "all"}, {"batch": 2.5}, {"mean": 3.0}, {"preprocess": ["unit"]}]
)
def test_bad_types_of_data(values):
    with pytest.raises(UsageError, match=f"--{next(iter(values))}: got "):
        DataOptions(**values)


def test_shapes():
    check_shapes({"x": (1, 3), "y": [2]})
    with pytest.raises(UsageError, match="sizes from 1 to"):
        check_shapes({"x": ()})
