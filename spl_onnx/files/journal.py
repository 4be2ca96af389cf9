"""A file that grows line by line, shared by those who write to it at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from spl_onnx.files.kinds import checked_name, kind_of

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@contextmanager
def locked_journal(path: str | Path, *, create: bool = True) -> Iterator[BinaryIO]:
    """A journal that nobody else changes meanwhile, for reading from its beginning and for appending.

    Args:
        path: The file; a link stands for the file it leads to.
        create: Whether a file that is not there is made.

    Raises:
        OSError: It is no plain file, or cannot be opened or written.
    """
    descriptor = os.open(checked_name(path), _FLAGS | (os.O_CREAT if create else 0), 0o666)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"is {kind_of(mode)}, wanted a plain file")
        with suppress(OSError):  # there are file systems without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield file
