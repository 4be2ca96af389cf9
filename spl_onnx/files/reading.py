"""Opening what is to be read: nothing that blocks for ever, or that becomes another file meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from spl_onnx.files.kinds import checked_name, descriptor_of, kind_of

# Without O_NONBLOCK a pipe without a writer blocks for ever; a plain file does not care.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CHUNK = 1 << 20


def open_plain(path: str | os.PathLike[str], *, follow: bool = True, folder: int | None = None) -> BinaryIO:
    """Open a plain file for reading; what was looked at is what is open.

    Args:
        path: The file.
        follow: Whether it may be a link.
        folder: Descriptor of the folder that `path` is relative to.

    Raises:
        OSError: It is no plain file, or cannot be opened.
    """
    flags = _FLAGS if follow else _FLAGS | os.O_NOFOLLOW
    descriptor = os.open(checked_name(path), flags, dir_fd=folder)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"is {kind_of(mode)}, wanted a plain file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_inside(folder: Path, parts: Sequence[str]) -> BinaryIO:
    """Open the plain file `parts` below `folder`, without passing through any link below it.

    Raises:
        OSError: One of the parts is a link (ELOOP or ENOTDIR), is missing, or the last is no plain file.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(checked_name(folder), flags)
    try:
        for part in parts[:-1]:
            inner = os.open(checked_name(part), flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return open_plain(parts[-1], follow=False, folder=descriptor)
    finally:
        os.close(descriptor)


def read_file(path: str | os.PathLike[str], limit: int) -> bytes:
    """The content of a plain file, or what comes from a file or pipe this process has open (/dev/stdin).

    Raises:
        OSError: It is neither, or cannot be read, or holds more than `limit` bytes.
    """
    descriptor = descriptor_of(checked_name(path))
    if descriptor is None:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise _too_large(limit)
            return file.read(size)
    return _drained(descriptor, limit)


def _drained(descriptor: int, limit: int) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        raise OSError(errno.EINVAL, f"is {kind_of(mode)}, wanted a file or a pipe")
    content = bytearray()
    while chunk := os.read(descriptor, _CHUNK):
        content += chunk
        if len(content) > limit:
            raise _too_large(limit)
    return bytes(content)


def _too_large(limit: int) -> OSError:
    return OSError(errno.EFBIG, f"holds more than {limit} bytes")
