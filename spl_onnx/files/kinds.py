"""What a name of the file system stands for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

#: More links than Linux follows.
_MAX_LINKS = 40
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a disk"),
    (stat.S_ISCHR, "a device"),
)


def kind_of(mode: int) -> str:
    """What kind of file a mode belongs to, in words."""
    return next((words for test, words in _KINDS if test(mode)), "a file")


def checked_name(path: str | os.PathLike[str]) -> str:
    """A name that the operating system takes.

    Raises:
        OSError: It is empty, has a null byte in it, or characters that are none.
    """
    name = os.fspath(path)
    if not name:
        raise OSError(errno.ENOENT, "the name is empty")
    try:
        encoded = os.fsencode(name)
    except ValueError:
        raise OSError(errno.EINVAL, "the name has characters that no file can have") from None
    if b"\0" in encoded:
        raise OSError(errno.EINVAL, "the name has a null byte")
    return name


def descriptor_of(path: str) -> int | None:
    """The open file of this process that a name like /dev/stdout or /dev/fd/3 means; None for other names."""
    opened, link = Path(os.path.realpath("/dev/fd")), Path(path)
    for _ in range(_MAX_LINKS):
        link = Path(os.path.realpath(link.parent)) / link.name
        if link.parent == opened and link.name.isdecimal():
            return int(link.name)
        try:
            link = link.parent / link.readlink()
        except OSError:  # no link, or one that may not be read
            return None
    return None
