"""ONNX Runtime's own headers, which its Python package does not have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_ROOTS = (sys.prefix, "/usr", "/usr/local", "/opt")
_FOLDERS = ("include", "include/onnxruntime", "include/onnxruntime/core/session", "onnxruntime/include")


def onnxruntime_headers() -> Path:
    """The folder of `onnxruntime_c_api.h` and `onnxruntime_cxx_api.h`; skips the test where there is none."""
    named = os.environ.get("ONNXRUNTIME_INCLUDE")
    folders = [Path(named)] if named else [Path(root) / folder for root in _ROOTS for folder in _FOLDERS]
    for folder in folders:
        if (folder / "onnxruntime_c_api.h").is_file():
            return folder
    pytest.skip(
        "onnxruntime_c_api.h is not installed (ONNX Runtime's Python package has no headers): install "
        "libonnxruntime-dev, or name the folder in ONNXRUNTIME_INCLUDE"
    )
