"""Prints how long files and functions are, and fails when a file has more than 400 lines.

Run from anywhere: python scripts/style_numbers.py [FOLDER]
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LONGEST_FILE = 400
FOLDERS = ("spl_onnx", "ort_ops", "models", "scripts", "experiments", "examples", "tests")
CPP_SUFFIXES = (".cc", ".h", ".cu", ".cuh")


def sources(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """Source files of the project's own folders, sorted."""
    found = (path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in suffixes)
    return sorted(path for path in found if path.is_file())


def line_count(path: Path) -> int:
    """Number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def function_lengths(path: Path) -> Iterator[int]:
    """Lines of every function of a Python file, decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def summary(title: str, lengths: Sequence[int]) -> str:
    """One line: how many, median, 90th percentile, longest."""
    if not lengths:
        return f"{title:<24} none"
    ordered = sorted(lengths)
    p90 = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    median = statistics.median(ordered)
    return f"{title:<24} {len(ordered):5} | median {median:5.0f} | p90 {p90:4} | longest {ordered[-1]:4}"


def main(arguments: list[str] | None = None) -> int:
    """Prints the numbers; returns 1 when a file is too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    root = parser.parse_args(arguments).folder
    python, cpp = sources(root, (".py",)), sources(root, CPP_SUFFIXES)
    product = [path for path in python if path.relative_to(root).parts[0] != "tests"]
    print(summary("Python files", [line_count(path) for path in product]))
    print(summary("Python functions", [n for path in product for n in function_lengths(path)]))
    print(summary("test files", [line_count(path) for path in python if path not in product]))
    print(summary("C++ files", [line_count(path) for path in cpp]))
    too_long = [path for path in python + cpp if line_count(path) > LONGEST_FILE]
    for path in too_long:
        print(f"{path.relative_to(root)}: got {line_count(path)} lines, wanted <= {LONGEST_FILE}: split it")
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
