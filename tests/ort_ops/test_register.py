"""Registering the library: from many threads at once, and by two ONNX Runtimes in one process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from spl_onnx.plugin import CUDA_LIBRARY
from tests.datasets import PROJECT

#: Tables of functions that all do nothing, but for the one that makes a status: as many ONNX Runtimes.
RUNTIMES = """
import ctypes, os, sys

RESULT = ctypes.CFUNCTYPE(ctypes.c_void_p)
STATUS = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
said, kept = [], []

def runtime():
    make = STATUS(lambda code, text: said.append(text.decode()) or 1)
    nothing = RESULT(lambda: None)
    table = (ctypes.c_void_p * 400)(*[ctypes.cast(nothing, ctypes.c_void_p).value] * 400)
    table[int(sys.argv[2])] = ctypes.cast(make, ctypes.c_void_p).value
    get = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)(lambda version: ctypes.addressof(table))
    name = ctypes.CFUNCTYPE(ctypes.c_char_p)(lambda: b"1.20.0")
    base = (ctypes.c_void_p * 2)(*[ctypes.cast(f, ctypes.c_void_p).value for f in (get, name)])
    kept.extend([make, nothing, table, get, name, base])
    return ctypes.addressof(base)

register = ctypes.CDLL(sys.argv[1]).RegisterCustomOps
register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
"""
TWO_RUNTIMES = """
one, other = runtime(), runtime()
print([bool(register(None, base)) for base in (one, one, other, one)], said)
"""
ELSEWHERE = """
os.chdir(sys.argv[3])
print(bool(register(None, runtime())), said)
"""


def run_library(script: str, library: str, *arguments: str, **options: Any) -> str:
    """Output of a script that registers the library with made-up runtimes, in a process of its own."""
    abi = (PROJECT / "ort_ops" / "ops" / "ort_abi.h").read_text()
    slot = re.search(r"CreateStatus = (\d+)", abi)
    assert slot is not None
    command = [sys.executable, "-c", RUNTIMES + script, library, slot.group(1), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_runtime_is_refused(plugin_path: str) -> None:
    said = run_library(TWO_RUNTIMES, plugin_path)
    assert said.startswith("[False, False, True, False] ")
    assert said.count("another ONNX Runtime") == 1


def test_cuda_operators_come_from_the_folder_of_the_library_alone(plugin_path: str, tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("no C++ compiler for a made-up driver")
    own, planted = tmp_path / "own", tmp_path / "planted"
    for folder in (own, planted):
        folder.mkdir()
    shutil.copy(plugin_path, own / "libspl_ops.so")
    source = planted / "planted.cc"
    source.write_text(
        '#include <cstdio>\n__attribute__((constructor)) static void loaded() { std::puts("planted"); }\n'
    )
    for name, content in (("libcuda.so.1", os.devnull), (CUDA_LIBRARY, str(source))):
        command = [compiler, "-shared", "-fPIC", "-x", "c++", content, "-o", str(planted / name)]
        subprocess.run(command, check=True)
    # Found by a bare name, or by the path that the library was given once the working folder is another.
    environment = {**os.environ, "LD_LIBRARY_PATH": str(planted)}
    for path in ("./libspl_ops.so", str(own / "libspl_ops.so")):
        said = run_library(ELSEWHERE, path, str(planted), env=environment, cwd=own)
        assert said.startswith("False [")
        assert "planted" not in said


def test_threads_register_at_once(plugin_path: str) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def register() -> None:
        try:
            start.wait()
            for _ in range(20):
                options = ort.SessionOptions()
                options.register_custom_ops_library(plugin_path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
