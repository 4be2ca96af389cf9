"""Nothing in the project speaks of the machine it was written on, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.datasets import PROJECT
from tests.scripts.project_files import text_files

# Spelt in two parts, so that this file does not match itself.
MACHINE_PATHS = ["/" + folder + "/" for folder in ("work", "root", "home")]
TEMPORARY = re.compile(r"(?<![\w.$}])/" + r"tmp\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def machine_paths(text: str) -> list[str]:
    """Absolute paths of one machine that occur in a text."""
    found = [path for path in MACHINE_PATHS if re.search(r"(?<![\w.$}*])" + path, text)]
    return found + (["temporary folder"] if TEMPORARY.search(text) else [])


def dead_links(path: Path, text: str) -> list[str]:
    """Relative links of a page that lead to no file."""
    targets = [target.split("#")[0] for target in LINK.findall(text)]
    local = [target for target in targets if target and "://" not in target]
    return [target for target in local if not (path.parent / target).exists()]


def test_no_machine_paths() -> None:
    found = {str(path.relative_to(PROJECT)): machine_paths(text) for path, text in text_files().items()}
    assert {name: paths for name, paths in found.items() if paths} == {}


@pytest.mark.parametrize(
    "text", ["see " + MACHINE_PATHS[0] + "x", "'" + MACHINE_PATHS[2] + "me'", "/" + "tmp/x"]
)
def test_machine_paths_are_recognised(text: str) -> None:
    assert machine_paths(text)


def test_links_resolve() -> None:
    pages = {path: text for path, text in text_files().items() if path.suffix == ".md"}
    assert PROJECT / "README.md" in pages
    assert {str(path): dead_links(path, text) for path, text in pages.items() if dead_links(path, text)} == {}


def test_dead_links_are_recognised() -> None:
    page = PROJECT / "README.md"
    assert dead_links(page, "[a](docs/none.md#x) [b](docs/operators.md) [c](https://x.org/y)") == [
        "docs/none.md"
    ]
