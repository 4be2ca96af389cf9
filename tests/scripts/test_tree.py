"""The tests mirror the package: spl_onnx/x/y.py is tested by tests/x/test_y.py."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.datasets import PROJECT

#: Files with code but without a test file of their own, and where they are tested instead.
EXCEPTIONS: dict[str, str] = {}


def has_code(path: Path) -> bool:
    """Whether a file defines functions or classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree))


def home_of_tests(path: Path) -> Path:
    """Where the tests of a file of the package belong."""
    parts = path.relative_to(PROJECT / "spl_onnx")
    return PROJECT / "tests" / parts.parent / f"test_{parts.name}"


def untested() -> set[str]:
    """Files of the package with code and no test file."""
    files = [path for path in (PROJECT / "spl_onnx").rglob("*.py") if has_code(path)]
    return {str(path.relative_to(PROJECT)) for path in files if not home_of_tests(path).is_file()}


def test_every_file_has_its_tests() -> None:
    assert untested() - set(EXCEPTIONS) == set()


def test_exceptions_are_needed() -> None:
    assert set(EXCEPTIONS) - untested() == set()
