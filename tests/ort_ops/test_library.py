"""The shared library as a file: what it exports, what it needs, and its view of ONNX Runtime's interface."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spl_onnx.plugin import get_library_path
from tests.headers import onnxruntime_headers

ABI = Path(__file__).parents[2] / "ort_ops" / "ops" / "ort_abi.h"


def tool(name: str, *arguments: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([name, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
def test_exports_exactly_one_symbol(plugin_path: str) -> None:
    symbols = [line.split()[-1] for line in tool("nm", "-D", "--defined-only", plugin_path).splitlines()]
    assert [s.split("@")[0] for s in symbols] == ["RegisterCustomOps"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
def test_links_neither_python_nor_onnxruntime(plugin_path: str) -> None:
    needed = re.findall(r"NEEDED.*\[(.*?)\]", tool("readelf", "-d", plugin_path))
    assert needed
    assert not [n for n in needed if re.search("python|onnxruntime|gomp|tbb", n)]


def built_library(name: str) -> str:
    """Path of `libspl_ops`, `libspl_ops_cuda` or `_kernels`; a test of one that was not built is skipped."""
    if name == "_kernels":
        spec = importlib.util.find_spec("spl_onnx._kernels")
        path = Path(spec.origin) if spec and spec.origin else None
    else:
        path = Path(get_library_path()).with_name(f"{name}.so")
    if path is None or not path.is_file():
        pytest.skip(f"{name} was not built")
    return str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
@pytest.mark.parametrize("name", ["libspl_ops", "_kernels", "libspl_ops_cuda"])
def test_is_hardened(plugin_path: str, name: str) -> None:
    path = built_library(name)
    segments = tool("readelf", "-lW", path)
    assert re.search(r"^\s*GNU_RELRO\s", segments, re.M)
    stack = re.search(r"^\s*GNU_STACK\s.*$", segments, re.M)
    assert stack is not None
    assert "RWE" not in stack.group()  # nothing on the stack is code
    assert "NOW" in re.findall(r"\(FLAGS_1\).*Flags: (.*)", tool("readelf", "-d", path))[0].split()
    assert "__stack_chk_fail" in tool("nm", "-D", "--undefined-only", path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
def test_calls_are_fortified(plugin_path: str) -> None:
    calls = tool("nm", "-D", "--undefined-only", plugin_path)
    if "__asan_init" in calls or "__tsan_init" in calls:
        pytest.skip("built with a sanitizer, which looks at the calls itself")
    if "GLIBC_" not in calls:
        pytest.skip("the C library is not glibc, which alone has checked calls")
    assert re.search(r"__\w+_chk@", calls.replace("__stack_chk_fail", ""))


def test_layout_equals_the_official_header(tmp_path: Path) -> None:
    folder = onnxruntime_headers()
    names = re.findall(r"^  (\w+) = (\d+),$", ABI.read_text().split("enum Slot")[1], re.M)
    assert names
    checks = [f'static_assert(offsetof(OrtApi, {n}) == {i} * sizeof(void*), "{n}");' for n, i in names]
    fields = re.findall(r"\(\*(\w+)\)\(", ABI.read_text().split("struct OrtCustomOp {")[1].split("\n};")[0])
    checks += [
        f'static_assert(offsetof(OrtCustomOp, {f}) == {i + 1} * 8, "{f}");' for i, f in enumerate(fields)
    ]
    source = tmp_path / "layout.cc"
    source.write_text("#include <cstddef>\n#include <onnxruntime_c_api.h>\n" + "\n".join(checks) + "\n")
    subprocess.run(["g++", "-std=c++17", "-fsyntax-only", f"-I{folder}", str(source)], check=True)
