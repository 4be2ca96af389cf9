"""The shell scripts say clearly what a machine lacks, before they start anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.datasets import PROJECT

SCRIPTS = sorted([*(PROJECT / "scripts").glob("*.sh"), *(PROJECT / "examples").glob("*.sh")])
COMMANDS = [path for path in [*SCRIPTS, PROJECT / ".ci" / "run"] if path.name != "environment.sh"]


def tool(folder: Path, name: str, script: str) -> None:
    """Puts an executable shell script into a folder."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def use_environment(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs use_environment with only the tools of `folder` in PATH."""
    command = '. "$1"; use_environment "$2"; echo ready'
    environment = {"PATH": str(folder), **variables}
    arguments = ["/bin/bash", "-euc", command, "bash", str(PROJECT / "scripts" / "environment.sh")]
    return subprocess.run(
        [*arguments, str(folder / "venv")], env=environment, capture_output=True, text=True, check=False
    )


def fake_python(
    folder: Path, *, version_is_fine: bool = True, headers: bool = True, modules: str = ""
) -> None:
    """A python3 that passes or fails the checks of version and headers, and can import `modules` only."""
    script = f"""case "$*" in
*version_info*) exit {0 if version_is_fine else 1} ;;
*Python.h*) exit {0 if headers else 1} ;;
*--version*) echo "Python 3.9.2" ;;
*"import ensurepip, venv"*) case "{modules}" in *venv*) exit 0 ;; esac; exit 1 ;;
*"import virtualenv"*) case "{modules}" in *virtual*) exit 0 ;; esac; exit 1 ;;
*) echo "made with $2" ;;
esac"""
    tool(folder, "python3", script)


def test_without_python(tmp_path: Path) -> None:
    result = use_environment(tmp_path)
    assert result.returncode == 1
    assert "python3 not found" in result.stderr


def test_python_too_old(tmp_path: Path) -> None:
    fake_python(tmp_path, version_is_fine=False)
    result = use_environment(tmp_path)
    assert result.returncode == 1
    assert "Python 3.9.2 is too old, 3.10" in result.stderr


def test_without_python_headers(tmp_path: Path) -> None:
    """Only a note: the operator library needs no Python headers."""
    fake_python(tmp_path, headers=False, modules="venv")
    result = use_environment(tmp_path)
    assert "apt install python3-dev" in result.stdout
    assert "Python.h" not in result.stderr


@pytest.mark.parametrize(("variables", "name"), [({}, "g++"), ({"CXX": "clang++-99"}, "clang++-99")])
def test_without_compiler(tmp_path: Path, variables: dict[str, str], name: str) -> None:
    fake_python(tmp_path)
    result = use_environment(tmp_path, **variables)
    assert result.returncode == 1
    assert f"{name} not found" in result.stderr


def test_without_ensurepip(tmp_path: Path) -> None:
    fake_python(tmp_path)
    tool(tmp_path, "g++", "exit 0")
    result = use_environment(tmp_path)
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


@pytest.mark.parametrize(("modules", "maker"), [("venv", "venv"), ("virtualx", "virtualenv")])
def test_environment_is_made(tmp_path: Path, modules: str, maker: str) -> None:
    fake_python(tmp_path, modules=modules)
    tool(tmp_path, "g++", "exit 0")
    result = use_environment(tmp_path)
    assert result.stdout.splitlines()[-2:] == [f"made with {maker}", "ready"]


PASSED = "== 3 passed, 1 skipped in 2.50s =="


@pytest.mark.parametrize(
    ("tests", "search", "code", "last"),
    [
        (f"echo '{PASSED}'; echo cleaning", "exit 0", 0, PASSED),
        (f"echo '{PASSED}'", "echo 'uses: tried 9, clean 8, bad 1'; exit 1", 1, PASSED),
        ("echo '== 1 failed in 0.10s =='; exit 1", "exit 0", 1, "== 1 failed in 0.10s =="),
        ("exit 2", "exit 0", 2, "no pytest summary: a step before the tests failed"),
    ],
)
def test_ci_keeps_code_and_ends_with_the_summary(
    tmp_path: Path, tests: str, search: str, code: int, last: str
) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / ".ci" / "run", tmp_path / ".ci" / "run")
    tool(tmp_path / "scripts", "test.sh", tests)
    tool(tmp_path / "scripts", "harden.sh", f'[ "$*" = --short ] || exit 9; {search}')
    result = subprocess.run([str(tmp_path / ".ci" / "run")], capture_output=True, text=True, check=False)
    assert result.returncode == code
    assert result.stdout.splitlines()[-1] == last


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_commands_are_executable_and_strict(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()


@pytest.mark.parametrize(
    "path", [*COMMANDS, PROJECT / "scripts" / "environment.sh"], ids=lambda path: path.name
)
def test_syntax(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_the_workflow_runs_what_developers_run() -> None:
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"^ +- run: (.*)$", workflow, re.M) == [".ci/run"]
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (PROJECT / "pyproject.toml").read_text())
    assert oldest is not None and f'["{oldest.group(1)}",' in workflow
