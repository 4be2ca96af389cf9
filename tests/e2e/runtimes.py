"""Pythons with other releases of ONNX Runtime, and nothing of this project.

`SPL_ONNX_PYTHONS` names Pythons that have onnxruntime and numpy, with ":" between them. A release that none
of them has is installed into an environment of its own, where that works.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: The oldest release that the library supports, and the last one that is not asked for shapes.
OLDEST, MIDDLE = "1.17.3", "1.23.2"
VARIABLE = "SPL_ONNX_PYTHONS"

_VERSION = "import onnxruntime; print(onnxruntime.__version__)"


def python_with(version: str, folder: Path) -> str:
    """A Python with this ONNX Runtime; skips the test, with a reason, where there is none.

    Args:
        version: Release of onnxruntime.
        folder: Where an environment may be made.
    """
    for python in filter(None, os.environ.get(VARIABLE, "").split(":")):
        asked = _run([python, "-c", _VERSION])
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return python
    return _install(version, folder / "venv")


def _install(version: str, folder: Path) -> str:
    if version == OLDEST and sys.version_info >= (3, 13):
        pytest.skip(f"onnxruntime {version} has no wheel for Python 3.{sys.version_info[1]}")
    made = _run([sys.executable, "-m", "venv", str(folder)])
    if made.returncode:
        pytest.skip(f"no virtual environment: {made.stderr.strip()[-200:]}")
    python = str(folder / "bin" / "python")
    installed = _run([python, "-m", "pip", "install", "--quiet", "numpy<2", f"onnxruntime=={version}"])
    if installed.returncode:
        pytest.skip(f"pip cannot install onnxruntime {version}: {installed.stderr.strip()[-200:]}")
    return python


def _run(call: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(call, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(call, 1, "", str(error))
