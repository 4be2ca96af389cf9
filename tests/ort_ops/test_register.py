"""Registering the library: from many threads at once, and by two ONNX Runtimes in one process."""

from __future__ import annotations

import re
import subprocess
import sys
import threading

import onnxruntime as ort
import pytest

from spl_onnx.errors import PluginError
from spl_onnx.plugin import get_library_path
from tests.datasets import PROJECT

#: Two tables of functions that all do nothing, but for the one that makes a status: two ONNX Runtimes.
TWO_RUNTIMES = """
import ctypes, sys

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
    kept.extend([make, nothing, table, get, name])
    return base

register = ctypes.CDLL(sys.argv[1]).RegisterCustomOps
register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
one, other = runtime(), runtime()
print([bool(register(None, ctypes.addressof(base))) for base in (one, one, other, one)], said)
"""


@pytest.fixture(scope="module")
def library() -> str:
    try:
        return get_library_path()
    except PluginError as error:
        pytest.skip(str(error))


def test_a_second_runtime_is_refused(library: str) -> None:
    abi = (PROJECT / "ort_ops" / "ops" / "ort_abi.h").read_text()
    slot = re.search(r"CreateStatus = (\d+)", abi)
    assert slot is not None
    done = subprocess.run(
        [sys.executable, "-c", TWO_RUNTIMES, library, slot.group(1)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("[False, False, True, False] "), done.stdout + done.stderr
    assert done.stdout.count("another ONNX Runtime") == 1


def test_threads_register_at_once(library: str) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def register() -> None:
        try:
            start.wait()
            for _ in range(20):
                options = ort.SessionOptions()
                options.register_custom_ops_library(library)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
