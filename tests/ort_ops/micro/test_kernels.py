"""Every micro kernel is called by a test, and the tests notice what they are to notice."""

from __future__ import annotations

import faulthandler
import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from tests.ort_ops.micro.kernels import Micro
from tests.ort_ops.micro.memory import PLACES, Memory, Place, address, in_child

HERE = Path(__file__).parent


def test_every_kernel_has_a_test() -> None:
    module = pytest.importorskip("spl_onnx._kernels")
    called: set[str] = set()
    for path in HERE.glob("test_*.py"):
        called |= set(re.findall(r"kernels\.(\w+)\(", path.read_text(encoding="utf-8")))
    assert set(module.micro_kernels()) - called == set()


def test_an_unknown_instruction_set_is_refused() -> None:
    pytest.importorskip("spl_onnx._kernels")
    with pytest.raises(ValueError, match="'none' is not available"):
        importlib.import_module("spl_onnx._kernels").micro_kernels("none")


@in_child
def read(kernels: Micro, place: Place, shift: int) -> None:
    faulthandler.disable()  # the fault is wanted
    memory = Memory(place)
    codes = memory.put([1] * 9, np.uint8)
    kernels.max_byte(address(codes) + shift, 9)
    memory.check()


def test_reads_beyond_an_array_are_noticed(kernels: Micro) -> None:
    for place, shift in ((Place(None), 1), (Place(0), -1)):
        read(kernels, place, 0)
        with pytest.raises(pytest.fail.Exception, match=r"(SIGSEGV|SIGBUS|exit status [0-9]+) in max_byte"):
            read(kernels, place, shift)


@in_child
def write(kernels: Micro, count: int) -> None:
    memory = Memory(Place(0))
    kernels.pack_units(memory.put([1] * 16, np.int8), 0, 1, count, memory.room(4, np.int8), 4)
    memory.check()


def test_writes_beyond_an_array_are_noticed(kernels: Micro) -> None:
    write(kernels, 2)
    with pytest.raises(pytest.fail.Exception, match="written beyond an array"):
        write(kernels, 5)


@in_child
def compare(kernels: Micro, want: int) -> None:
    assert kernels.max_byte(Memory(PLACES[0]).put([1, 5], np.uint8), 2) == want


def test_results_are_compared(kernels: Micro) -> None:
    compare(kernels, 5)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)AssertionError.*last call: max_byte"):
        compare(kernels, 4)
