"""The library in the oldest ONNX Runtime it supports, installed in an environment of its own."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from tests.e2e import networks
from tests.e2e.runtimes import OLDEST

NETWORK = "mnist_lenet"
IMAGES = 20

#: Runs without spl_onnx itself: what the old runtime must do is load the file and run the operators.
PROGRAM = """
import sys, numpy as np, onnxruntime as ort
library, folder = sys.argv[1:]
x = np.load(f"{folder}/x.npy")
results = {}
for name in ("predicted", "lossless"):
    options = ort.SessionOptions()
    options.register_custom_ops_library(library)
    session = ort.InferenceSession(f"{folder}/{name}.onnx", options, providers=["CPUExecutionProvider"])
    results[name] = session.run(None, {"input": x})[0]
plain = ort.InferenceSession(f"{folder}/predicted.onnx", providers=["CPUExecutionProvider"])
results["fallback"] = plain.run(None, {"input": x})[0]
np.savez(f"{folder}/results.npz", **results)
print(ort.__version__)
"""


@pytest.mark.slow
def test_the_oldest_runtime_loads_and_runs_the_library(plugin_path, python_of, tmp_path):
    np.save(tmp_path / "x.npy", networks.inputs(NETWORK, IMAGES))
    networks.rewritten(NETWORK).save(tmp_path / "predicted.onnx")
    networks.rewritten(NETWORK, lossless=True).save(tmp_path / "lossless.onnx")
    call = [python_of(OLDEST), "-c", PROGRAM, plugin_path, str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == OLDEST
    original = networks.original_outputs(NETWORK, IMAGES)
    with np.load(tmp_path / "results.npz") as results:
        networks.assert_close_to_dense(results["fallback"], original)
        networks.assert_close_to_dense(results["lossless"], original)
        # Predictions are the same bits everywhere; the rounding left is that of the dense Gemm at the end.
        networks.assert_close_to_dense(results["predicted"], networks.predicted_outputs(NETWORK, IMAGES))
