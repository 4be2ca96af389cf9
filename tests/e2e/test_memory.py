"""A matrix is held once: ONNX Runtime's copy is the one that the kernels read."""

from __future__ import annotations

import subprocess
import sys

import onnx
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net

INPUTS, OUTPUTS = 6400, 4096
MATRIX = INPUTS * OUTPUTS * 4
#: The int8 predictor is a quarter of the matrix, and packed beside its tensor; the rest is all else.
LIMITS = {True: 1.5, False: 2.0}

#: In a process of its own, because memory that others freed would be used again.
PROGRAM = """
import os, sys
import numpy as np, onnxruntime as ort
library, model, inputs = sys.argv[1], sys.argv[2], int(sys.argv[3])

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

options = ort.SessionOptions()
options.register_custom_ops_library(library)
options.intra_op_num_threads = 1
before = resident()
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
for rows in (1, 8):
    session.run(None, {"x": np.ones((rows, inputs), np.float32)})
print(resident() - before)
"""


@pytest.fixture(scope="module")
def layer() -> onnx.ModelProto:
    """Gemm and ReLU with a matrix of 105 MB."""
    made = Net()
    x, w = made.input("x", ["N", INPUTS]), made.random("w", INPUTS, OUTPUTS)
    made.node("Relu", [made.node("Gemm", [x, w], "c")], "y")
    return made.model("y")


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize("lossless", [True, False])
def test_a_matrix_is_held_once(layer, plugin_path, tmp_path, lossless):
    options = RewriteOptions(lossless=lossless, no_verify=True)
    path = tmp_path / "model.onnx"
    rewrite_model(layer, options).save(path)
    command = [sys.executable, "-c", PROGRAM, plugin_path, str(path), str(INPUTS)]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert MATRIX < grown < LIMITS[lossless] * MATRIX
