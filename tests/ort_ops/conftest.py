"""Kernel tests run where the compiled module is built; those of the CUDA kernels need none."""

from __future__ import annotations

import importlib

import pytest


def isa_names() -> list[str]:
    """Of the compiled module; none where it is not built, and then its tests skip themselves."""
    try:
        return list(importlib.import_module("spl_onnx._kernels").isa_names())
    except ImportError:
        return []


@pytest.fixture(params=isa_names(), scope="session")
def isa(request: pytest.FixtureRequest) -> str:
    """Every instruction set of this build that the processor runs."""
    return str(request.param)
