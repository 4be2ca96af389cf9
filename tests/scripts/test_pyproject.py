"""What the package asks for: no versions with known holes, no two packages that install the same files."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from tests.datasets import PROJECT

if sys.version_info < (3, 11):
    pytest.skip("tomllib comes with Python 3.11", allow_module_level=True)
import tomllib

#: Lowest versions without holes that a file from a stranger reaches.
LEAST = {"onnx": (1, 21), "pillow": (10, 3)}


def project() -> dict[str, Any]:
    return dict(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"])


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found.group().lower()


def bound_of(requirement: str) -> tuple[int, ...]:
    found = re.search(r">=([0-9.]+)", requirement)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


@pytest.mark.parametrize("name", sorted(LEAST))
def test_lower_bounds_have_no_known_holes(name: str) -> None:
    bounds = [bound_of(line) for line in project()["dependencies"] if name_of(line) == name]
    assert bounds
    assert min(bounds) >= LEAST[name]


@pytest.mark.parametrize("name", sorted(LEAST))
def test_the_reason_of_a_bound_stands_beside_it(name: str) -> None:
    lines = (PROJECT / "pyproject.toml").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith(f'"{name}>'))
    assert lines[first - 1].strip().startswith("#")


def test_no_two_packages_of_the_same_module() -> None:
    asked = project()
    extras = asked["optional-dependencies"].values()
    lines = [line for group in (asked["dependencies"], *extras) for line in group]
    runtimes = {name_of(line) for line in lines if re.fullmatch(r"(ort|onnxruntime)(-.*)?", name_of(line))}
    assert runtimes == {"onnxruntime"}  # without which the package is not complete
