"""The micro kernels of every instruction set."""

from __future__ import annotations

import pytest

from tests.ort_ops.micro.kernels import Micro


@pytest.fixture(scope="session")
def kernels(isa: str) -> Micro:
    return Micro(isa)
