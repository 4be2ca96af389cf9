"""Kernel tests run where the compiled module is built."""

from __future__ import annotations

import pytest

_kernels = pytest.importorskip("spl_onnx._kernels", reason="the C++ module is not built: pip install .")


@pytest.fixture(params=_kernels.isa_names(), scope="session")
def isa(request: pytest.FixtureRequest) -> str:
    """Every instruction set of this build that the processor runs."""
    return str(request.param)
