"""Environments with other releases of ONNX Runtime, and models of free size: made once for all tests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.free_sizes import write_cases
from tests.e2e.runtimes import python_with


@pytest.fixture(scope="session")
def python_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The Python that has a release of onnxruntime; skips where there is none."""

    @functools.cache
    def found(version: str) -> str:
        return python_with(version, tmp_path_factory.mktemp("runtime"))

    return found


@pytest.fixture(scope="session")
def cases_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], tuple[Path, list[str]]]:
    """The folder with the models of a rule, lossless or predicted, and the cases in it."""

    @functools.cache
    def written(rule: str, predicted: bool) -> tuple[Path, list[str]]:
        folder = tmp_path_factory.mktemp("cases")
        return folder, write_cases(rule, predicted, folder)

    return written
