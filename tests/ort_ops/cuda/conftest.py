"""The CUDA kernels, emulated everywhere and on a GPU where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ort_ops.cuda.harness import GPU_HARNESS, HERE, KERNELS, OPS, Harness, compile_emulated


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything emulated is compiled, each source once."""
    return tmp_path_factory.mktemp("cuda")


@pytest.fixture(scope="session")
def emulated(objects: Path) -> Harness:
    """The kernels under the emulator, compiled once."""
    sources = [
        *KERNELS,
        HERE / "harness.cu",
        HERE / "device_calls.cu",
        OPS / "kernels" / "shape" / "geometry.cc",
    ]
    return Harness(compile_emulated(objects, "emulated", sources))


@pytest.fixture(scope="session", params=["emulated", "gpu"])
def device(request: pytest.FixtureRequest) -> Harness:
    """Both ways of running the kernels."""
    if request.param == "emulated":
        return request.getfixturevalue("emulated")
    path = os.environ.get(GPU_HARNESS)
    if path is None:
        pytest.skip(f"no CUDA harness built ({GPU_HARNESS} is not set): scripts/test_cuda.sh, with a GPU")
    harness = Harness(Path(path))
    if not harness.has_device:
        pytest.skip("no GPU: the CUDA kernels run emulated only")
    return harness


@pytest.fixture
def backwards(emulated: Harness) -> Iterator[None]:
    """The emulator runs the last thread of a block first."""
    emulated.set_backwards(True)
    yield
    emulated.set_backwards(False)
