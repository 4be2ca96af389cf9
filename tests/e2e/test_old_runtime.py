"""The library in the oldest ONNX Runtime it supports, installed in an environment of its own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.e2e import networks

VERSION = "1.17.3"
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


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    """Python of a new environment with the old runtime; skips where it cannot be installed."""
    if sys.version_info >= (3, 13):
        pytest.skip(
            f"onnxruntime {VERSION} has no wheel for Python {sys.version_info[0]}.{sys.version_info[1]}"
        )
    folder = tmp_path_factory.mktemp("old") / "venv"
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no virtual environment: {made.stderr.strip()[-200:]}")
    python = folder / "bin" / "python"
    call = [str(python), "-m", "pip", "install", "--quiet", "numpy<2", f"onnxruntime=={VERSION}"]
    installed = subprocess.run(call, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"pip cannot install onnxruntime {VERSION}: {installed.stderr.strip()[-200:]}")
    return python


@pytest.mark.slow
def test_the_oldest_runtime_loads_and_runs_the_library(plugin_path, old_python, tmp_path):
    np.save(tmp_path / "x.npy", networks.inputs(NETWORK, IMAGES))
    networks.rewritten(NETWORK).save(tmp_path / "predicted.onnx")
    networks.rewritten(NETWORK, lossless=True).save(tmp_path / "lossless.onnx")
    call = [str(old_python), "-c", PROGRAM, plugin_path, str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == VERSION
    original = networks.original_outputs(NETWORK, IMAGES)
    with np.load(tmp_path / "results.npz") as results:
        networks.assert_close_to_dense(results["fallback"], original)
        networks.assert_close_to_dense(results["lossless"], original)
        # Predictions are the same bits everywhere; the rounding left is that of the dense Gemm at the end.
        networks.assert_close_to_dense(results["predicted"], networks.predicted_outputs(NETWORK, IMAGES))
