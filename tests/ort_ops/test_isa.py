"""A set of micro kernels is chosen only where the processor has all that the compiler may use in it."""

from __future__ import annotations

import re

import pytest

from tests.datasets import PROJECT

KERNELS = PROJECT / "ort_ops" / "kernels"


def compiler_flags(isa: str) -> set[str]:
    """Extensions that the sources of one instruction set are compiled with, those it builds on included."""
    text = (KERNELS / "CMakeLists.txt").read_text()
    row = re.search(rf"^ *spl_isa\({isa} (.*?)\)", text, re.M | re.S)
    assert row is not None
    flags = set(re.findall(r"-m([a-z0-9]+)\b(?!-)", row.group(1)))
    for other in re.findall(r"\$\{SPL_FLAGS_(\w+)\}", row.group(1)):
        flags |= compiler_flags(other)
    return flags


def checks(isa: str) -> set[str]:
    """Extensions that isa.cc asks the processor for, those of sets it builds on included."""
    text = (KERNELS / "base" / "isa.cc").read_text()
    body = re.search(rf"^namespace {isa} {{\n(.*?)^}}  // namespace", text, re.M | re.S)
    assert body is not None
    found = set(re.findall(r'cpu_supports\("(\w+)"\)', body.group(1)))
    found |= set(re.findall(r"&& has_(\w+)\(\)", body.group(1)))
    for other in re.findall(r"(\w+)::runs\(\)", body.group(1)):
        found |= checks(other)
    return found


@pytest.mark.parametrize(
    ("isa", "least"),
    [
        ("avx2", {"fma", "lzcnt", "bmi2"}),
        ("avxvnni", {"fma", "lzcnt", "avxvnni"}),
        ("avx512", {"lzcnt", "avx512bw"}),
        ("avx512vnni", {"lzcnt", "avx512bw", "avx512vnni"}),
    ],
)
def test_all_that_is_used_is_asked_for(isa: str, least: set[str]) -> None:
    used = compiler_flags(isa)
    assert least <= used  # the expression above still reads the file
    assert used - checks(isa) == set()
