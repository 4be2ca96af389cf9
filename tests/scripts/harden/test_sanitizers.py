"""Builds with sanitizers: what is missing is said, and the processes get what they need."""

from __future__ import annotations

import pytest

from scripts.harden import sanitizers
from scripts.harden.sanitizers import MissingToolError, build, environment


def test_no_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    for call in (environment, lambda: build(sanitizers.MEMORY, "spl_ops")):
        with pytest.raises(MissingToolError, match="no compiler no-such-compiler"):
            call()


def test_a_sanitizer_that_does_not_work_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    sanitizers._compiler()
    with pytest.raises(MissingToolError, match="-fsanitize=no-such does not work"):
        build("no-such", "spl_ops")


def test_no_cmake_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanitizers.shutil, "which", lambda name: None)
    monkeypatch.setattr(sanitizers.sys, "executable", "nowhere/python")
    with pytest.raises(MissingToolError, match="no cmake"):
        sanitizers._tool("cmake")


def test_the_sanitizer_comes_before_python() -> None:
    try:
        variables = environment()
    except MissingToolError as error:
        pytest.skip(str(error))
    assert "libasan" in variables["LD_PRELOAD"] and "detect_leaks=0" in variables["ASAN_OPTIONS"]
