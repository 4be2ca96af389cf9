"""The size report counts rightly and refuses long files."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.style_numbers import function_lengths, main, summary
from tests.datasets import PROJECT


def project(tmp_path: Path, lines: int) -> Path:
    """A project folder with one Python file of `lines` lines, of which one function takes three."""
    (tmp_path / "spl_onnx").mkdir()
    body = ["def f():", "    x = 1", "    return x"]
    (tmp_path / "spl_onnx" / "a.py").write_text("\n".join(body + ["y = 2"] * (lines - 3)) + "\n")
    return tmp_path


@pytest.mark.parametrize(("lines", "code"), [(4, 0), (400, 0), (401, 1)])
def test_limit(tmp_path: Path, lines: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(project(tmp_path, lines))]) == code
    printed = capsys.readouterr().out
    assert ("spl_onnx/a.py: got 401 lines" in printed) == (code == 1)


def test_functions_are_measured(tmp_path: Path) -> None:
    assert list(function_lengths(project(tmp_path, 10) / "spl_onnx" / "a.py")) == [3]


def test_summary_of_known_numbers() -> None:
    line = summary("x", list(range(1, 12)))
    assert line.split()[1:] == ["11", "|", "median", "6", "|", "p90", "10", "|", "longest", "11"]
    assert summary("x", []).endswith("none")


def test_this_project_is_within_the_limit() -> None:
    assert main([str(PROJECT)]) == 0
