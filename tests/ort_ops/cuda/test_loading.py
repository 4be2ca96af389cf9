"""The built library of CUDA operators: what it needs and exports, and that the plugin takes it up.

A GPU is not needed for that: the plugin looks for a driver by its file name, which a made-up one has too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spl_onnx.errors import PluginError
from spl_onnx.plugin import CUDA_LIBRARY, get_cuda_library_path
from tests.datasets import ELSEWHERE, PROJECT

RUN = """
import numpy as np, onnxruntime as ort, sys
from tests.ort_ops.cuda.test_plugin import Runner, test_conv_srmm, test_gemm_predict, test_gemm_srmm

runner = Runner(sys.argv[1])
test_gemm_srmm(runner, np.float32, "auto", True, False, ())
test_gemm_predict(runner, np.float32, None, ("Wp", "Bp", "Wscale"))
test_conv_srmm(runner, False, ("W", "B"))
if {LIBRARY!r} in open("/proc/self/maps").read():
    test_gemm_srmm(runner, np.float16, "auto", True, False, ())  # a type that only CUDA's operators declare
    print("loaded")
"""


@pytest.fixture(scope="module")
def library() -> str:
    try:
        return get_cuda_library_path()
    except PluginError as error:
        pytest.skip(f"no CUDA operators: {error}")


def tool(name: str, *arguments: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} not found")
    return subprocess.run([name, *arguments], check=True, capture_output=True, text=True).stdout


def test_it_exports_one_function_and_needs_no_cuda_library(library: str) -> None:
    defined = tool("nm", "--dynamic", "--defined-only", library).split()
    assert defined[2::3] == ["spl_onnx_cuda_ops_2"]
    needed = re.findall(r"NEEDED.*\[(.*?)\]", tool("readelf", "-d", library))
    assert not [name for name in needed if "cuda" in name or "python" in name], needed


def run_with(folder: str, plugin: str) -> str:
    """Run operators in a process that finds libraries in `folder`; its output."""
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": folder,
        "PYTHONPATH": os.pathsep.join([*sys.path, str(PROJECT)]),
    }
    command = [sys.executable, "-c", RUN.replace("{LIBRARY!r}", repr(CUDA_LIBRARY)), plugin]
    done = subprocess.run(
        command, env=environment, cwd=ELSEWHERE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_loaded_where_there_is_a_driver(library: str, plugin_path: str, tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("no C++ compiler for a made-up driver")
    driver = tmp_path / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-x", "c++", os.devnull, "-o", str(driver)], check=True)
    assert "loaded" in run_with(str(tmp_path), plugin_path)


def test_it_is_left_alone_without_a_driver(library: str, plugin_path: str, tmp_path: Path) -> None:
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a driver")
    assert "loaded" not in run_with(str(tmp_path), plugin_path)
