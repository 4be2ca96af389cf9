"""The files that belong to the project: those git tracks, or in a source archive those beside this folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.datasets import PROJECT

_GENERATED = {"build", "dist", "out", "__pycache__"}


def project_files() -> list[Path]:
    """Absolute paths of all tracked files that exist."""
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        found = [PROJECT / name for name in listed.stdout.splitlines()]
    else:
        found = [path for path in PROJECT.rglob("*") if _is_source(path.relative_to(PROJECT))]
    return sorted(path for path in found if path.is_file())


def _is_source(path: Path) -> bool:
    hidden = any(
        part.startswith(".venv") or part in (".git",) or part.endswith("_cache") for part in path.parts
    )
    return not hidden and not _GENERATED & set(path.parts)


def text_files() -> dict[Path, str]:
    """Content of every project file that is text."""
    texts = {}
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content:
            texts[path] = content.decode("utf-8", errors="replace")
    return texts
