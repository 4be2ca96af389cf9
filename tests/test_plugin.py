"""Finding and registering the library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime as ort
import pytest

from spl_onnx import plugin
from spl_onnx.errors import PluginError


def test_the_library_is_found(plugin_path):
    assert Path(plugin_path).is_absolute() and Path(plugin_path).name == plugin.library_name()


def test_it_is_found_beside_the_kernels(monkeypatch, tmp_path):
    (tmp_path / plugin.library_name()).write_bytes(b"")
    monkeypatch.setattr(plugin, "search_folders", lambda: [tmp_path / "empty", tmp_path])
    assert plugin.get_library_path() == str(tmp_path / plugin.library_name())


def test_missing_library_says_where_it_looked(monkeypatch, tmp_path):
    monkeypatch.setattr(plugin, "search_folders", lambda: [tmp_path])
    with pytest.raises(PluginError, match=r"not found in .*: build it with 'pip install"):
        plugin.get_library_path()


def test_the_cuda_operators_are_looked_for_beside_the_library(monkeypatch, tmp_path):
    monkeypatch.setattr(plugin, "search_folders", lambda: [tmp_path])
    (tmp_path / plugin.library_name()).write_bytes(b"")
    with pytest.raises(PluginError, match=rf"{plugin.CUDA_LIBRARY} not found in .*nvcc"):
        plugin.get_cuda_library_path()
    (tmp_path / plugin.CUDA_LIBRARY).write_bytes(b"")
    assert plugin.get_cuda_library_path() == str(tmp_path / plugin.CUDA_LIBRARY)


def test_a_checkout_finds_the_library_of_the_installed_package(tmp_path):
    """Programs of scripts/ run from a checkout, whose source folder hides the package that was installed."""
    copy = tmp_path / "checkout" / "spl_onnx"
    copy.mkdir(parents=True)
    for name in ("__init__.py", "plugin.py", "errors.py", "text.py"):
        text = (Path(plugin.__file__).parent / name).read_text() if name != "__init__.py" else ""
        (copy / name).write_text(text)
    code = "from spl_onnx import plugin; print(plugin.__file__); print(plugin.get_library_path())"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "checkout",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    source, library = out.stdout.split()
    assert Path(source).parent == copy
    assert Path(library).is_file() and Path(library).parent != copy


def test_package_folder_is_always_searched():
    assert Path(plugin.__file__).resolve().parent in plugin.search_folders()


@pytest.mark.parametrize(("system", "name"), [("linux", ".so"), ("darwin", ".dylib"), ("win32", ".dll")])
def test_names(monkeypatch, system, name):
    monkeypatch.setattr("sys.platform", system)
    assert plugin.library_name() == f"libspl_ops{name}"


def test_old_runtime_is_refused(monkeypatch):
    monkeypatch.setattr(ort, "__version__", "1.16.3")
    with pytest.raises(PluginError, match=r"1\.16\.3 is too old, 1\.17 or newer"):
        plugin.register(ort.SessionOptions())


def test_broken_library(monkeypatch, tmp_path):
    (tmp_path / plugin.library_name()).write_bytes(b"no library")
    monkeypatch.setattr(plugin, "search_folders", lambda: [tmp_path])
    with pytest.raises(PluginError, match=r"cannot load .*libspl_ops"):
        plugin.register(ort.SessionOptions())


@pytest.mark.parametrize(
    ("text", "version"), [("1.17.3", (1, 17)), ("1.32.0.dev1", (1, 32)), ("main", (0, 0)), ("2", (0, 0))]
)
def test_versions(text, version):
    assert plugin.parse_version(text) == version
