"""Builds of the library with sanitizers, kept in build/harden-*, and what a process that loads one needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.harden.isolated import ROOT, telling_lines

#: Memory and arithmetic, and threads; as CMake's SPL_SANITIZE.
MEMORY, THREADS = "address,undefined", "thread"
#: Python itself leaks on purpose. A request for too much memory is answered with none, as a system does.
_ASAN_OPTIONS = "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=3000:handle_segv=1"
_UBSAN_OPTIONS = "halt_on_error=1:print_stacktrace=1"
_JOBS = "2"


class MissingToolError(Exception):
    """Something that this machine has not got; the text says what."""


def environment() -> dict[str, str]:
    """Variables of a process that loads a library built with MEMORY.

    Raises:
        MissingToolError: the compiler has no such library.
    """
    libraries = [_runtime("libasan.so"), _runtime("libstdc++.so")]
    return {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": _ASAN_OPTIONS,
        "UBSAN_OPTIONS": _UBSAN_OPTIONS,
        # Python's own allocator would hide overruns of its arrays from the sanitizer.
        "PYTHONMALLOC": "malloc",
    }


def _runtime(name: str) -> str:
    found = subprocess.run(
        [_compiler(), f"-print-file-name={name}"], capture_output=True, text=True, check=False
    )
    path = found.stdout.strip()
    if not Path(path).is_absolute():
        raise MissingToolError(f"{_compiler()} has no {name}")
    return str(Path(path).resolve())


def _compiler() -> str:
    name = os.environ.get("CXX", "g++")
    if shutil.which(name) is None:
        raise MissingToolError(f"no compiler {name}")
    return name


def build(sanitize: str, target: str, *settings: str) -> Path:
    """Build a target with a sanitizer, or find it built.

    Args:
        sanitize: MEMORY or THREADS.
        target: of CMake.
        settings: further ones of CMake.

    Returns:
        Folder of the build.

    Raises:
        MissingToolError: a tool is missing, or the sanitizer does not work here.
        RuntimeError: the project does not build.
    """
    _try_sanitizer(sanitize)
    cmake = _tool("cmake")
    folder = ROOT / "build" / f"harden-{sanitize.replace(',', '-')}"
    options = [
        f"-DSPL_SANITIZE={sanitize}",
        "-DSPL_CUDA=OFF",
        "-DSPL_PYTHON=OFF",
        "-DCMAKE_BUILD_TYPE=Release",
    ]
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    if (folder / "CMakeCache.txt").is_file():
        generator = []
    _call([cmake, "-S", str(ROOT), "-B", str(folder), *generator, *options, *settings])
    _call([cmake, "--build", str(folder), "--target", target, "-j", _JOBS])
    return folder


def _tool(name: str) -> str:
    """Path of a program, from the system or the package of that name in this environment."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name) or (str(beside) if beside.is_file() else None)
    if found is None:
        raise MissingToolError(f"no {name}: 'pip install {name}'")
    return found


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {telling_lines(done.stdout + done.stderr)}")


def _try_sanitizer(sanitize: str) -> None:
    """MissingToolError unless a program that is built with the sanitizer runs."""
    with tempfile.TemporaryDirectory(prefix="spl-onnx-") as scratch:
        source, program = Path(scratch) / "empty.cc", Path(scratch) / "empty"
        source.write_text("#include <thread>\nint main() { std::thread([] {}).join(); }\n", encoding="utf-8")
        command = [_compiler(), f"-fsanitize={sanitize}", "-pthread", str(source), "-o", str(program)]
        for step in (command, [str(program)]):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                raise MissingToolError(f"-fsanitize={sanitize} does not work: {telling_lines(done.stderr)}")


def memory_library() -> Path:
    """The operator library built with MEMORY; errors as `build`."""
    return build(MEMORY, "spl_ops") / "ort_ops" / "ops" / "libspl_ops.so"


def threads_program() -> Path:
    """The program of threads.cc built with THREADS; errors as `build`.

    Threads share drivers and scratch memory, which are the same for all instruction sets: two of them do, and
    those of AVX-512 take most of the time to compile.
    """
    return build(THREADS, "spl_threads", "-DSPL_AVX512=OFF") / "scripts" / "harden" / "spl_threads"
