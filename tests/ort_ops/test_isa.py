"""A set of micro kernels is chosen only where the processor has all that the compiler may use in it."""

from __future__ import annotations

import re

import pytest

from tests.datasets import PROJECT

KERNELS = PROJECT / "ort_ops" / "kernels"


def compiler_flags(isa: str) -> set[str]:
    """Extensions that the sources of one instruction set are compiled with, those it builds on included."""
    text = (KERNELS / "CMakeLists.txt").read_text()
    flags = set()
    for line in re.findall(rf"(?:set|APPEND) ?\(?\s*SPL_FLAGS_{isa} (.*)\)", text):
        flags |= set(re.findall(r"-m([a-z0-9]+)\b(?!-)", line))
        for other in re.findall(r"\$\{SPL_FLAGS_(\w+)\}", line):
            flags |= compiler_flags(other)
    return flags


def checks(function: str) -> set[str]:
    """Extensions that a function of isa.cc asks the processor for, those of functions it calls included."""
    text = (KERNELS / "base" / "isa.cc").read_text()
    body = re.search(rf"bool {function}\(\) {{(.*?)^}}", text, re.M | re.S)
    assert body is not None
    found = set(re.findall(r'cpu_supports\("(\w+)"\)', body.group(1)))
    for other in re.findall(r"has_(\w+)\(\)", body.group(1)):
        found |= {other} | checks(f"has_{other}") if f"bool has_{other}()" in text else set()
    return found


@pytest.mark.parametrize(("isa", "least"), [("avx2", "fma"), ("avx512", "avx512bw")])
def test_all_that_is_used_is_asked_for(isa: str, least: str) -> None:
    used = compiler_flags(isa)
    assert {least, "lzcnt", "bmi2"} <= used  # the expression above still reads the file
    assert used - checks(f"has_{isa}") == set()


def test_vnni_is_asked_for() -> None:
    assert compiler_flags("avx512vnni") - compiler_flags("avx512") == {"avx512vnni"}
    text = (KERNELS / "base" / "isa.cc").read_text()
    assert 'has_avx512() && __builtin_cpu_supports("avx512vnni")' in text
