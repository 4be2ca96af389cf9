"""`spl-onnx lib-path`."""

from __future__ import annotations

from pathlib import Path

from spl_onnx.errors import PluginError


def test_the_path_and_nothing_else(call, plugin_path):
    code, out, err = call("lib-path")
    assert (code, out, err) == (0, f"{plugin_path}\n", "")
    assert Path(out.strip()).is_absolute() and Path(out.strip()).is_file()


def test_missing(call, monkeypatch):
    def missing():
        raise PluginError("libspl_ops.so not found in here: run 'pip install .'")

    monkeypatch.setattr("spl_onnx.cli.lib_path.get_library_path", missing)
    code, out, err = call("lib-path")
    assert (code, out) == (4, "") and "pip install" in err
