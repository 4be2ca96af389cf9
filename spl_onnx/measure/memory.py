"""Memory that was freed and that the process still holds."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Free what hangs in cycles of Python objects, and return what malloc keeps to the system.

    The graph of a model that is rewritten is full of cycles and holds the weights. The collector counts
    objects, not bytes, and may leave hundreds of megabytes for minutes. The allocator of glibc raises the
    size from which a block is returned at once to that of the largest freed block, up to 32 MB, and keeps
    all smaller ones between blocks in use: with sessions that come and go, 1.2 GB of ResNet-50's search.
    """
    gc.collect()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def _malloc_trim() -> ctypes._NamedFuncPointer | None:
    """The function of glibc; None where the C library is another one."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl and macOS have none, Windows no library of that name
        return None
