"""What the pages tell a reader to type exists and works."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets import PROJECT
from tests.scripts.project_files import project_files, text_files

# In Markdown a command is an indented line or stands between backticks; in a script it is a line.
COMMAND = re.compile(r"(?:^(?: {4})?|`)spl-onnx ([a-z][a-z-]*)([^`\n#]*)", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
FILE = re.compile(r"(?<![\w/.:>*$-])(?:[\w.-]+/)+[\w.-]+\.(?:py|sh|md|txt|cc|h|npz)\b")
MODULE = re.compile(r"python -m ([\w.]+)")
# Flags on the pages that belong to other programs.
FOREIGN_FLAGS = {"--batch", "--image-size"}


def pages() -> dict[str, str]:
    """All Markdown pages, and the demo, whose commands a reader copies too."""
    texts = {str(path.relative_to(PROJECT)): text for path, text in text_files().items()}
    return {name: text for name, text in texts.items() if name.endswith(".md") or name == "scripts/demo.sh"}


@functools.cache
def help_text(*subcommand: str) -> str:
    """What `spl-onnx SUBCOMMAND --help` prints."""
    command = [sys.executable, "-m", "spl_onnx", *subcommand, "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert result.returncode == 0, f"{' '.join(subcommand)}: {result.stderr}"
    return result.stdout


def commands() -> set[tuple[str, tuple[str, ...]]]:
    """Every (subcommand, flags) that is written on a page."""
    found = [match for text in pages().values() for match in COMMAND.findall(text)]
    return {(subcommand, tuple(FLAG.findall(rest))) for subcommand, rest in found}


def test_pages_show_every_subcommand() -> None:
    shown = {subcommand for subcommand, _ in commands()}
    assert {"rewrite", "inspect", "compare", "bench", "doctor", "lib-path"} <= shown


def test_subcommands_and_flags_exist() -> None:
    for subcommand, flags in sorted(commands()):
        missing = [flag for flag in flags if flag not in help_text(subcommand)]
        assert not missing, f"spl-onnx {subcommand}: {missing}"


def test_flags_named_in_the_readme_exist() -> None:
    known = {flag for subcommand, _ in commands() for flag in FLAG.findall(help_text(subcommand))}
    named = set(FLAG.findall(pages()["README.md"])) - FOREIGN_FLAGS
    assert len(named) >= 5
    assert named - known == set()


def test_named_files_exist() -> None:
    known = [f"/{path.relative_to(PROJECT)}" for path in project_files()]
    missing = {
        (name, target)
        for name, text in pages().items()
        for target in FILE.findall(text)
        if not any(path.endswith(f"/{target.replace('../', '')}") for path in known)
    }
    assert missing == set()


def test_named_modules_exist() -> None:
    modules = {module for text in pages().values() for module in MODULE.findall(text)}
    for module in modules - {"pip", "venv"}:
        path = PROJECT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_python_example_runs(plugin_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", pages()["README.md"], re.DOTALL)
    shutil.copy(PROJECT / "models" / "digits_cnn.onnx", tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)  # the project's own page
    assert names["session"].get_inputs()[0].name == "input"  # type: ignore[attr-defined]
    assert any(site.choice != "dense" for site in names["result"].plan.sites)  # type: ignore[attr-defined]
