"""The shared library as a file: what it exports, what it needs, and its view of ONNX Runtime's interface."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spl_onnx.errors import PluginError
from spl_onnx.plugin import get_library_path

ABI = Path(__file__).parents[2] / "ort_ops" / "ops" / "ort_abi.h"
HEADER = "onnxruntime_c_api.h"


@pytest.fixture(scope="module")
def library() -> str:
    try:
        return get_library_path()
    except PluginError as error:
        pytest.skip(str(error))


def tool(name: str, *arguments: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([name, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
def test_exports_exactly_one_symbol(library: str) -> None:
    symbols = [line.split()[-1] for line in tool("nm", "-D", "--defined-only", library).splitlines()]
    assert [s.split("@")[0] for s in symbols] == ["RegisterCustomOps"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
def test_links_neither_python_nor_onnxruntime(library: str) -> None:
    needed = re.findall(r"NEEDED.*\[(.*?)\]", tool("readelf", "-d", library))
    assert needed
    assert not [n for n in needed if re.search("python|onnxruntime|gomp|tbb", n)]


def installed_header() -> Path | None:
    """The official C header, when a development package of ONNX Runtime is installed."""
    for root in (Path(sys.prefix), Path("/usr"), Path("/usr/local"), Path("/opt")):
        for folder in (
            "include",
            "include/onnxruntime",
            "include/onnxruntime/core/session",
            "onnxruntime/include",
        ):
            if (root / folder / HEADER).is_file():
                return root / folder / HEADER
    return None


def test_layout_equals_the_official_header(tmp_path: Path) -> None:
    header = installed_header()
    if header is None:
        pytest.skip(f"{HEADER} is not installed (the onnxruntime wheel has no headers)")
    names = re.findall(r"^  (\w+) = (\d+),$", ABI.read_text().split("enum Slot")[1], re.M)
    assert names
    checks = [f'static_assert(offsetof(OrtApi, {n}) == {i} * sizeof(void*), "{n}");' for n, i in names]
    fields = re.findall(r"\(\*(\w+)\)\(", ABI.read_text().split("struct OrtCustomOp {")[1].split("\n};")[0])
    checks += [
        f'static_assert(offsetof(OrtCustomOp, {f}) == {i + 1} * 8, "{f}");' for i, f in enumerate(fields)
    ]
    source = tmp_path / "layout.cc"
    source.write_text(f"#include <cstddef>\n#include <{header.name}>\n" + "\n".join(checks) + "\n")
    subprocess.run(["g++", "-std=c++17", "-fsyntax-only", f"-I{header.parent}", str(source)], check=True)
