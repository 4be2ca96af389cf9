"""The tests mirror the package (spl_onnx/x/y.py: tests/x/test_y.py), and its imports point one way."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.datasets import PROJECT

#: Files without a test file of their own: steps of something that is tested as a whole, and where that is.
EXCEPTIONS = {
    # Shared lines of the reference functions, which are held against dense ONNX operators.
    "spl_onnx/spec/arithmetic.py": "tests/spec/test_reference_conv.py",
    "spl_onnx/spec/checks.py": "tests/spec/test_reference_conv.py",
}

Rows = tuple[tuple[str, ...], ...]

#: Parts of the package, lowest row first: a part may import rows before its own, and not its neighbours.
LAYERS: Rows = (
    ("arrays", "errors", "files", "option_types", "options", "plugin", "text"),
    ("spec",),
    ("data", "predictors"),
    ("rewrite", "calibrate"),
    ("measure",),
    ("search", "steps"),
    ("chosen", "report"),
    ("pipeline",),
    ("cli",),
)

#: Rooms of a part that point one way as well, lowest row first.
ROOMS: dict[str, Rows] = {
    "spl_onnx/rewrite": (
        ("process",),
        ("graph",),
        ("model", "rules"),
        ("bytes", "layout", "sites"),
        ("edit",),
        ("verification",),
        ("result",),
    ),
    "spl_onnx/search": (("ranges", "settings", "trials"), ("network", "sound"), ("time",), ("budget",)),
}

KERNELS = PROJECT / "ort_ops" / "kernels"

#: Rooms of the C++ kernels, in the same way.
KERNEL_ROOMS: Rows = (
    ("micro",),
    ("base",),
    ("shape",),
    ("weights",),
    ("sparse",),
    ("predict", "srmm", "pooling", "border"),
    ("gemm",),
)


def modules(text: str) -> list[str]:
    """Full names of everything a module's text imports."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "spl_onnx":
            names += [f"spl_onnx.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return names


def imports(text: str, within: str = "spl_onnx") -> set[str]:
    """First name below a package of everything a module's text imports from it."""
    names = {name.removeprefix(f"{within}.") for name in modules(text) if name.startswith(f"{within}.")}
    return {name.split(".")[0] for name in names}


def beyond(part: str, used: set[str], rows: Rows) -> set[str]:
    """Those of the parts `used` that `part` must not know; the lowest row may use its neighbours."""
    rank = {name: row for row, names in enumerate(rows) for name in names}
    others = used & set(rank) - {part}
    return {name for name in others if rank[name] >= rank[part] > 0 or rank[name] > rank[part]}


def upward(part: str, text: str, rows: Rows = LAYERS, within: str = "spl_onnx") -> set[str]:
    """Parts that a module of `part` imports but must not know."""
    return beyond(part, imports(text, within), rows)


def pointing_up(rows: Rows, folder: str = "spl_onnx") -> dict[str, set[str]]:
    """Files below a folder that import parts they must not know."""
    parts = {name for names in rows for name in names}
    wrong = {}
    for path in (PROJECT / folder).rglob("*.py"):
        part = path.relative_to(PROJECT / folder).parts[0].removesuffix(".py")
        text = path.read_text(encoding="utf-8")
        if part in parts and (found := upward(part, text, rows, folder.replace("/", "."))):
            wrong[str(path.relative_to(PROJECT))] = found
    return wrong


def test_imports_point_one_way() -> None:
    assert pointing_up(LAYERS) == {}


@pytest.mark.parametrize("folder", ROOMS)
def test_imports_between_rooms_point_one_way(folder: str) -> None:
    known = {name for names in ROOMS[folder] for name in names}
    entries = (PROJECT / folder).iterdir()
    there = {path.stem for path in entries if not path.name.startswith("__")}
    assert there == known and pointing_up(ROOMS[folder], folder) == {}


def kernel_rooms(text: str) -> set[str]:
    """Rooms of the kernels that a C++ file includes, and folders above them."""
    names = re.findall(r'^ *# *include "([^"]+)"', text, re.MULTILINE)
    return {name.removeprefix("kernels/").split("/")[0] for name in names}


def test_includes_between_rooms_of_the_kernels_point_one_way() -> None:
    rooms = {name for names in KERNEL_ROOMS for name in names}
    assert {path.name for path in KERNELS.iterdir()} == rooms | {"CMakeLists.txt"}
    wrong = {}
    for path in [*KERNELS.rglob("*.h"), *KERNELS.rglob("*.cc")]:
        used, room = kernel_rooms(path.read_text(encoding="utf-8")), path.relative_to(KERNELS).parts[0]
        if found := (used - rooms) | beyond(room, used, KERNEL_ROOMS):
            wrong[str(path.relative_to(KERNELS))] = found
    assert wrong == {}


def test_upward_includes_are_recognised() -> None:
    text = '#include <new>\n#include "kernels/base/isa.h"\n# include "kernels/srmm/a.h"\n#include "ops/b.h"\n'
    assert kernel_rooms(text) == {"base", "srmm", "ops"}
    assert beyond("predict", kernel_rooms(text), KERNEL_ROOMS) == {"srmm"}


def neighbours(part: Path) -> dict[str, set[str]]:
    """For every file and folder of a part, the others of that part that it imports."""
    known = {path.stem for path in part.iterdir() if not path.name.startswith("__")}
    within = ".".join(part.relative_to(PROJECT).parts)
    found: dict[str, set[str]] = {name: set() for name in known}
    for path in part.rglob("*.py"):
        name = path.relative_to(part).parts[0].removesuffix(".py")
        if name in known:
            found[name] |= imports(path.read_text(encoding="utf-8"), within) & known - {name}
    return found


@pytest.mark.parametrize(
    "part", sorted(path.parent.name for path in (PROJECT / "spl_onnx").glob("*/__init__.py"))
)
def test_files_and_folders_of_a_part_import_each_other_in_no_circle(part: str) -> None:
    TopologicalSorter(neighbours(PROJECT / "spl_onnx" / part)).prepare()


def test_circles_are_recognised() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"rules": {"emit"}, "emit": {"site", "rules"}}).prepare()


def test_upward_imports_are_recognised() -> None:
    text = (
        "from spl_onnx import cli\nimport spl_onnx.spec.shapes\nif True:\n    from spl_onnx.report import x\n"
    )
    assert upward("rewrite", text) == {"cli", "report"}
    assert upward("predictors", "from spl_onnx.data import open_data") == {"data"}
    assert upward("a", "from spl_onnx.data.b import c", (("a",), ("b",)), "spl_onnx.data") == {"b"}


def test_nothing_depends_on_experiments() -> None:
    folders = [PROJECT / name for name in ("spl_onnx", "models", "scripts")]
    texts = {path: path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py")}
    guilty = [path for path, text in texts.items() if any(m.startswith("experiments") for m in modules(text))]
    assert guilty == []


def has_code(path: Path) -> bool:
    """Whether a file defines functions or classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree))


def home_of_tests(path: Path) -> Path:
    """Where the tests of a file of the package or of an experiment belong."""
    package = PROJECT / "spl_onnx"
    parts = path.relative_to(package if path.is_relative_to(package) else PROJECT)
    return PROJECT / "tests" / parts.parent / f"test_{parts.name}"


def untested() -> set[str]:
    """Files of the package and of the experiments with code and no test file."""
    folders = PROJECT / "spl_onnx", PROJECT / "experiments"
    files = [path for folder in folders for path in folder.rglob("*.py") if has_code(path)]
    return {str(path.relative_to(PROJECT)) for path in files if not home_of_tests(path).is_file()}


def test_every_file_has_its_tests() -> None:
    assert untested() - set(EXCEPTIONS) == set()


def test_exceptions_are_tested_elsewhere() -> None:
    assert [place for place in EXCEPTIONS.values() if not (PROJECT / place).is_file()] == []


def test_exceptions_are_needed() -> None:
    assert set(EXCEPTIONS) - untested() == set()
