"""Images smaller than kernel or window, and none at all: what ONNX Runtime does with the original."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import onnx
import pytest

from tests.e2e.runtimes import MIDDLE, OLDEST
from tests.rewrite.builders import Net, rewritten

SIZES = [(0, 6, 6), (2, 1, 5), (2, 2, 2), (2, 3, 1), (2, 0, 5), (0, 1, 1)]
WINDOWS = [(2, 2), (2, 1), (3, 2), (5, 3), (5, 2)]
#: Kernel and padding of the convolution in front.
KERNELS = [(1, 0), (3, 1), (3, 2), (5, 1)]

#: For each model, with the library and without: shape and sum, or "error", of the original and of the
#: rewritten model, size by size.
PROGRAM = """
import json, sys
import numpy as np, onnxruntime as ort

folder, library, count, sizes = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
ort.set_default_logger_severity(4)

def outcomes(path, library=None):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if library:
        options.register_custom_ops_library(library)
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for size in sizes:
        try:
            y = session.run(None, {"x": np.ones((size[0], 3, *size[1:]), np.float32)})[0]
            yield [*y.shape, float(np.abs(y).sum())]
        except Exception:
            yield "error"

for i in range(count):
    original = list(outcomes(f"{folder}/{i}.onnx"))
    for way in (library, None):
        print(json.dumps([original, list(outcomes(f"{folder}/{i}.rewritten.onnx", way))]))
"""


def write_models(folder: Path, lossless: bool) -> int:
    """Models of free size; with more filters ONNX Runtime itself divides by 0 where a window is too large."""
    count = 0
    for kernel, pad in KERNELS:
        for window, stride in WINDOWS:
            made = Net()
            made.input("x", ["N", 3, "H", "W"])
            made.node("Relu", [made.conv("x", "c", 3, 3, kernel, kernel, pads=[pad] * 4)], "r")
            made.node("MaxPool", ["r"], "y", kernel_shape=[window, window], strides=[stride, stride])
            result = rewritten(made.model("y"), lossless=lossless, no_verify=True)
            assert result.plan.counts() == {"conv_relu_pool": 1}
            onnx.save(made.model("y"), folder / f"{count}.onnx")
            onnx.save(result.model, folder / f"{count}.rewritten.onnx")
            count += 1
    return count


def check(python: str, library: str, folder: Path, lossless: bool) -> None:
    call = [python, "-c", PROGRAM, str(folder), library]
    count = write_models(folder, lossless)
    done = subprocess.run([*call, str(count), json.dumps(SIZES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * count
    for line in lines:
        for original, got in zip(*json.loads(line), strict=True):
            assert got == (original if original == "error" else _wanted(original, lossless))


def _wanted(original: list[Any], lossless: bool) -> list[Any]:
    """The same shape; the sum to rounding, or anything where outputs are predicted."""
    *shape, total = original
    return [*shape, pytest.approx(total, rel=1e-5) if lossless else ANY]


@pytest.mark.parametrize("lossless", [True, False])
def test_newest(lossless, plugin_path, tmp_path):
    check(sys.executable, plugin_path, tmp_path, lossless)


@pytest.mark.slow
@pytest.mark.parametrize("version", [MIDDLE, OLDEST])
def test_others(version, plugin_path, python_of, tmp_path):
    check(python_of(version), plugin_path, tmp_path, lossless=True)
