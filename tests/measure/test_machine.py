"""What a report says about the machine."""

from __future__ import annotations

import platform
import sys

import pytest

import spl_onnx
from spl_onnx.measure import machine


def test_versions():
    versions = machine.versions()
    assert set(versions) == {"spl_onnx", "onnx", "onnxruntime", "numpy", "python", "isa"}
    assert versions["spl_onnx"] == spl_onnx.__version__
    assert versions["python"] == platform.python_version()


def test_without_kernels_there_is_no_isa(monkeypatch):
    monkeypatch.setitem(sys.modules, "spl_onnx._kernels", None)
    assert machine.active_isa() is None and machine.versions()["isa"] is None


def test_isa_is_one_of_the_kernels():
    kernels = pytest.importorskip("spl_onnx._kernels", reason="the kernels are not built")
    assert machine.active_isa() in kernels.isa_names()


def test_packages():
    assert machine.package_version("numpy") and machine.package_version("no-such-package-at-all") is None


def test_cpu_has_a_name(monkeypatch):
    assert machine.cpu_name()

    def fail(self, **kwargs):
        raise OSError

    monkeypatch.setattr("pathlib.Path.read_text", fail)
    assert machine.cpu_name()


def test_machine():
    known = machine.machine()
    assert known["cpu"] == machine.cpu_name() and known["cores"] >= 1
    assert str(known["system"]).startswith(platform.system())
