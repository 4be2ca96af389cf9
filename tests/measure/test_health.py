"""The doctor finds what is wrong and says what to do."""

from __future__ import annotations

import sys

import pytest

from spl_onnx.errors import PluginError
from spl_onnx.measure import health
from spl_onnx.measure.health import all_checks


def by_name():
    return {check.name: check for check in all_checks()}


def test_all_is_well_here(plugin_path):
    checks = by_name()
    assert not [check for check in checks.values() if check.good is False]
    assert checks["operator library"].found == plugin_path and checks["operators"].good


def test_missing_library(monkeypatch):
    def missing():
        raise PluginError("libspl_ops.so not found")

    monkeypatch.setattr(health, "get_library_path", missing)
    checks = by_name()
    assert checks["operator library"].good is False and "pip install" in checks["operator library"].advice
    assert "operators" not in checks


def test_library_that_does_not_load(monkeypatch, tmp_path, plugin_path):
    broken = tmp_path / "libspl_ops.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr("spl_onnx.plugin.get_library_path", lambda: str(broken))
    check = by_name()["operators"]
    assert check.good is False and "cannot load" in check.found and "build it again" in check.advice


def test_old_runtime(monkeypatch):
    monkeypatch.setattr("onnxruntime.__version__", "1.16.3")
    check = by_name()["ONNX Runtime"]
    assert check.good is False and "1.17" in check.advice
    assert "operators" not in by_name(), "what cannot work is not tried"


def test_no_runtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    check = health._runtime()
    assert check.good is False and "pip install" in check.advice
    (check,) = health._cuda()
    assert check.found == "unknown"


@pytest.fixture
def cuda_parts(monkeypatch):
    """Pretend that parts of CUDA are there, or why not."""

    def pretend(driver, provider, library):
        reasons = {health.CUDA_DRIVER: driver, "beside": library}
        monkeypatch.setattr(health, "loads", reasons.get)
        monkeypatch.setattr(health, "get_cuda_library_path", lambda: "beside")
        names = ["CUDAExecutionProvider"] * provider + ["CPUExecutionProvider"]
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: names)
        return by_name()

    return pretend


def test_cuda_that_works(cuda_parts):
    checks = cuda_parts(None, True, None)
    assert checks["CUDA driver"].found == checks["CUDA provider"].found == "present"
    assert checks["CUDA operators"].good is True


def test_cuda_without_operators(cuda_parts):
    check = cuda_parts(None, True, "not found")["CUDA operators"]
    assert check.good is False and check.found == "not found" and "nvcc" in check.advice


@pytest.mark.parametrize(("driver", "provider"), [("no file", True), (None, False), ("no file", False)])
def test_no_cuda_is_no_problem(cuda_parts, driver, provider):
    checks = cuda_parts(driver, provider, "not found")
    assert [checks[f"CUDA {part}"].good for part in ("driver", "provider", "operators")] == [None] * 3
    assert ("no file" in checks["CUDA driver"].found) == (driver is not None)


def test_which_libraries_load():
    assert health.loads("libc.so.6") is None
    assert "no such library" in health.loads("no such library")


def test_two_distributions_at_once(monkeypatch):
    versions = {"onnxruntime": "1.20.0", "onnxruntime-gpu": "1.19.0"}
    monkeypatch.setattr(health, "package_version", versions.get)
    check = by_name()["ONNX Runtime packages"]
    assert check.good is False and check.found == "onnxruntime 1.20.0, onnxruntime-gpu 1.19.0"
    assert "uninstall all" in check.advice


def test_unknown_isa(monkeypatch):
    pytest.importorskip("spl_onnx._kernels", reason="the kernels are not built")
    monkeypatch.setenv(health.ISA_VARIABLE, "mmx")
    check = by_name()["instruction set"]
    assert check.good is False and "mmx" in check.found and health.ISA_VARIABLE in check.advice


def test_missing_kernels(monkeypatch):
    monkeypatch.setitem(sys.modules, "spl_onnx._kernels", None)
    check = by_name()["instruction set"]
    assert check.good is None and "python3-dev" in check.advice


def test_operator_that_computes_nonsense(monkeypatch, plugin_path):
    import numpy as np

    monkeypatch.setattr(
        "spl_onnx.measure.sessions.run", lambda session, feeds: [np.zeros((2, 1), np.float32)]
    )
    check = by_name()["operators"]
    assert check.good is False and "wanted [[3.0], [0.0]]" in check.found
