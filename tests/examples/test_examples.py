"""The examples run, and say what they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import spl_onnx
from tests.datasets import ELSEWHERE, PROJECT
from tests.headers import onnxruntime_headers

EXAMPLES = PROJECT / "examples"
DIGITS = PROJECT / "models" / "digits_cnn.onnx"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """A command with the programs of this Python's environment in front."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    arguments = [str(part) for part in command]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        arguments, env=environment, cwd=ELSEWHERE, capture_output=True, text=True, check=False
    )


def test_command_line(plugin_path: str, tmp_path: Path) -> None:
    if shutil.which("spl-onnx", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("the command spl-onnx is not installed beside this Python")
    done = run(EXAMPLES / "command_line.sh", tmp_path)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"lossless.onnx", "plan.json", "predicted.onnx", "report.json", "report.html"}
    nodes = {name: onnx.load(tmp_path / f"{name}.onnx").graph.node for name in ("lossless", "predicted")}
    kinds = {name: {node.op_type for node in graph} for name, graph in nodes.items()}
    assert "SRMM" in kinds["lossless"] and "SPLPredict" not in kinds["lossless"]
    assert "SPLPredict" in kinds["predicted"]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["accuracy"]["drop"] <= 0.01 and "time per operator" in done.stdout


def test_files_are_removed_where_no_folder_is_named() -> None:
    text = (EXAMPLES / "command_line.sh").read_text(encoding="utf-8")
    assert "trap 'rm -rf \"$folder\"' EXIT" in text


def test_python(plugin_path: str) -> None:
    done = run(sys.executable, EXAMPLES / "python_api.py")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^maxpool1_out: predict, ", done.stdout, re.M)
    assert re.search(r"^logits: dense, ", done.stdout, re.M)
    alike = re.search(r"^(\d+)% of 100 digits are read alike$", done.stdout, re.M)
    assert alike is not None and int(alike.group(1)) >= 99


def runtime_library(folder: Path) -> Path:
    """ONNX Runtime's library, under the name that programs look for, in `folder`."""
    found = sorted((Path(ort.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    if not found:
        pytest.skip("this ONNX Runtime has no library of its own beside its Python module")
    link = folder / "libonnxruntime.so.1"
    link.symlink_to(found[0])
    return link


def test_cpp(plugin_path: str, tmp_path: Path) -> None:
    library, program = runtime_library(tmp_path), tmp_path / "run_model"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-isystem", onnxruntime_headers()]
    source = EXAMPLES / "cpp" / "run_model.cc"
    built = run("g++", *flags, source, library, f"-Wl,-rpath,{tmp_path}", "-o", program)
    assert built.returncode == 0, built.stderr

    model = spl_onnx.rewrite(DIGITS).model
    onnx.save(model, tmp_path / "fast.onnx")
    done = run(program, tmp_path / "fast.onnx", plugin_path)
    assert done.returncode == 0, done.stderr
    name, values = done.stdout.split(":")
    options = ort.SessionOptions()
    spl_onnx.register(options)
    saw = (np.arange(32 * 32) % 17 / 16).astype(np.float32).reshape(1, 1, 32, 32)
    (wanted,) = ort.InferenceSession(model.SerializeToString(), options).run(None, {"input": saw})
    assert name == "logits"
    # Printed with six digits.
    np.testing.assert_allclose([float(v) for v in values.split()], wanted[0], rtol=5e-6, atol=1e-9)

    refused = run(program, tmp_path / "fast.onnx", tmp_path / "none.so")
    assert refused.returncode == 1 and refused.stderr.startswith("error: ")
    assert run(program).returncode == 2
