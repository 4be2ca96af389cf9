"""The machine and the packages a measurement was made with."""

from __future__ import annotations

import importlib
import os
import platform
from importlib import metadata
from pathlib import Path


def cpu_name() -> str:
    """Model name of the processor, or its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def active_isa() -> str | None:
    """Instruction set the kernels use here; None where the compiled module is missing or does not load."""
    try:
        return str(importlib.import_module("spl_onnx._kernels").active_isa())
    except ImportError:
        return None


def package_version(name: str) -> str | None:
    """Version of an installed distribution, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, str | int | None]:
    """The machine for reports: cpu, cores, system."""
    system = f"{platform.system()} {platform.machine()}"
    return {"cpu": cpu_name(), "cores": os.cpu_count(), "system": system}


def versions() -> dict[str, str | None]:
    """Versions for reports: spl_onnx, onnx, onnxruntime, numpy, python, isa."""
    import numpy
    import onnx
    import onnxruntime

    from spl_onnx import __version__

    return {
        "spl_onnx": __version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "isa": active_isa(),
    }
