"""The tests mirror the package: spl_onnx/x/y.py is tested by tests/x/test_y.py."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.datasets import PROJECT

#: Files without a test file of their own: steps of something that is tested as a whole, and where that is.
EXCEPTIONS = {
    # What the whole rewriter does: finding, asking and editing have no meaning without each other.
    "spl_onnx/rewrite/candidates.py": "tests/rewrite/test_rewriter.py",
    "spl_onnx/rewrite/context.py": "tests/rewrite/test_rewriter.py",
    "spl_onnx/rewrite/editor.py": "tests/rewrite/test_rewriter.py",
    "spl_onnx/rewrite/rules/registry.py": "tests/rewrite/test_rewriter.py",
    "spl_onnx/rewrite/tensors.py": "tests/rewrite/test_large.py",
    "spl_onnx/rewrite/trial.py": "tests/rewrite/test_verify.py",
    # Parts of rules: every rule's tests go through them, refusals included.
    "spl_onnx/rewrite/concat.py": "tests/rewrite/rules/test_conv_relu_concat_pool.py",
    "spl_onnx/rewrite/rules/activation.py": "tests/rewrite/rules/test_conv_relu.py",
    "spl_onnx/rewrite/rules/affine.py": "tests/rewrite/rules/test_conv_relu.py",
    "spl_onnx/rewrite/rules/base.py": "tests/rewrite/rules/test_conv_relu.py",
    "spl_onnx/rewrite/rules/chain.py": "tests/rewrite/rules/test_conv_relu.py",
    "spl_onnx/rewrite/rules/constants.py": "tests/rewrite/rules/test_gemm_relu.py",
    "spl_onnx/rewrite/rules/conv.py": "tests/rewrite/rules/test_conv_relu.py",
    "spl_onnx/rewrite/rules/conv_base.py": "tests/rewrite/rules/test_conv_relu.py",
    "spl_onnx/rewrite/rules/pool.py": "tests/rewrite/rules/test_conv_relu_pool.py",
    "spl_onnx/rewrite/rules/window.py": "tests/rewrite/rules/test_conv_relu.py",
    # Shared lines of the reference functions, which are held against dense ONNX operators.
    "spl_onnx/spec/arithmetic.py": "tests/spec/test_reference_conv.py",
    "spl_onnx/spec/checks.py": "tests/spec/test_reference_conv.py",
}


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


def test_exceptions_are_tested_elsewhere() -> None:
    assert [place for place in EXCEPTIONS.values() if not (PROJECT / place).is_file()] == []


def test_exceptions_are_needed() -> None:
    assert set(EXCEPTIONS) - untested() == set()
