"""Arrays that lie against pages nobody may touch, and a child process that a touch may kill."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

#: Bytes of a slot, for one array; a page that may not be touched lies before and behind each slot.
SLOT = 32 * mmap.PAGESIZE

SLOTS = 56

#: Bytes before and behind an array that must not change; as floats they are not a number.
MARGIN, FILL = 128, 0xFF


@dataclass(frozen=True)
class Place:
    """Where arrays lie in their slots: `ahead` elements behind the front page, or against the one behind."""

    ahead: int | None


#: Against the page behind, where the length decides the alignment, and 0 to 3 elements from the front.
PLACES = [Place(None), *map(Place, range(4))]


def _protect(address: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 0) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")


@functools.cache
def _slots() -> tuple[mmap.mmap, np.ndarray]:
    """Memory of this process for all arrays, as bytes."""
    pitch = SLOT + mmap.PAGESIZE
    pages = mmap.mmap(-1, SLOTS * pitch + mmap.PAGESIZE)
    view = np.frombuffer(pages, np.uint8)
    for slot in range(SLOTS + 1):
        _protect(address(view) + slot * pitch)
    return pages, view


def address(array: np.ndarray | None) -> int:
    """Of the first element; 0 is the null pointer."""
    return 0 if array is None else int(array.__array_interface__["data"][0])


class Memory:
    """The arrays of one call of a kernel."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._used = 0
        self._margins: list[np.ndarray] = []

    def room(self, count: int, dtype: Any = np.float32, beyond: int = 0) -> np.ndarray:
        """Room for `count` elements, all bits set; the kernel may touch `beyond` elements behind them."""
        pages, view = _slots()
        itemsize = np.dtype(dtype).itemsize
        size = (count + beyond) * itemsize
        first = self._used * (SLOT + mmap.PAGESIZE) + mmap.PAGESIZE
        self._used += 1
        assert size + 4 * itemsize <= SLOT and self._used <= SLOTS, "the test's memory is too small"
        last, ahead = first + SLOT, self._place.ahead
        begin = last - size if ahead is None else first + ahead * itemsize
        margins = (max(first, begin - MARGIN), min(last, begin + size + MARGIN))
        view[margins[0] : margins[1]] = FILL
        self._margins += [view[margins[0] : begin], view[begin + size : margins[1]]]
        return np.ndarray(count, dtype, pages, begin)  # keeps its address where it is empty, unlike a slice

    def put(self, values: Any, dtype: Any = np.float32, beyond: int = 0) -> np.ndarray:
        """A copy of `values` in the order of memory."""
        flat = np.asarray(values, dtype).reshape(-1)
        array = self.room(flat.size, dtype, beyond)
        array[:] = flat
        return array

    def pointers(self, arrays: Iterable[np.ndarray | None]) -> np.ndarray:
        """Their addresses."""
        return self.put([address(array) for array in arrays], np.uint64)

    def check(self) -> None:
        """Fails where something beyond an array has been written."""
        assert all((margin == FILL).all() for margin in self._margins), "written beyond an array"


#: What the child is about to do, for its parent to tell: it stays readable when the child is gone.
_NOTE = mmap.mmap(-1, 4096)


def note(text: str) -> None:
    """Says what the child does next."""
    data = text.encode()[: len(_NOTE) - 1] + b"\0"
    _NOTE[: len(data)] = data


def _child(write: int, test: Callable[[], None]) -> None:
    text = ""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        test()
    except BaseException:
        text = traceback.format_exc()
    os.write(write, text.encode()[-60000:])
    os._exit(1 if text else 0)


def in_child(test: Callable[..., None]) -> Callable[..., None]:
    """Runs a test in a child process, where a touch of a protected page becomes a failure with its call."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        sys.stdout.flush()
        note("")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            _child(write, lambda: test(*args, **kwargs))
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            text = pipe.read().decode()
        status = os.waitpid(child, 0)[1]
        doing = bytes(_NOTE[: _NOTE.find(b"\0")]).decode()
        if text:
            pytest.fail(f"{text}\nlast call: {doing}", pytrace=False)
        if os.WIFSIGNALED(status):
            pytest.fail(f"{signal.Signals(os.WTERMSIG(status)).name} in {doing}", pytrace=False)
        if status != 0:  # a sanitizer has taken the signal
            pytest.fail(f"exit status {os.WEXITSTATUS(status)} in {doing}", pytrace=False)

    return run
