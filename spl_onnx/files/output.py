"""Where the content of an output goes: a file that is replaced whole, or a stream that is written through."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from spl_onnx.files.kinds import checked_name, descriptor_of, kind_of


@dataclass(frozen=True)
class Output:
    """An output behind all links.

    Attributes:
        path: The file itself, which need not exist; of a stream its name.
        is_stream: It is written through: a pipe, a device, or a file that this process has open.
        descriptor: The file that this process has open, for names like /dev/stdout.
        old: What is there now; None where nothing is.
        link_folder: Folder of the link by which the file was named, if that is another than the file's.
    """

    path: Path
    is_stream: bool = False
    descriptor: int | None = None
    old: os.stat_result | None = None
    link_folder: Path | None = None


def resolve_output(name: str | os.PathLike[str]) -> Output:
    """What writing to `name` means.

    A link stands for the file it leads to. A pipe or a device is written through: nothing may take its place.

    Raises:
        OSError: It is a folder, a disk or a socket, or cannot be looked at.
    """
    given = checked_name(name)
    descriptor = descriptor_of(given)
    if descriptor is not None:
        return _open_already(Path(given), descriptor)
    named = Path(given)
    try:
        old = named.stat()
    except FileNotFoundError:
        old = None
    if old is None or stat.S_ISREG(old.st_mode):
        return _behind_link(named, old) if named.is_symlink() else Output(named, old=old)
    if stat.S_ISFIFO(old.st_mode) or stat.S_ISCHR(old.st_mode):
        return Output(named, is_stream=True, old=old)
    raise OSError(errno.EINVAL, f"is {kind_of(old.st_mode)}, wanted the name of a file")


def _behind_link(link: Path, old: os.stat_result | None) -> Output:
    real, folder = Path(os.path.realpath(link)), Path(os.path.realpath(link.parent))
    return Output(real, old=old, link_folder=None if real.parent == folder else folder)


def _open_already(path: Path, descriptor: int) -> Output:
    old = os.fstat(descriptor)
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "is open for reading only")
    return Output(path, is_stream=True, descriptor=descriptor, old=old)


def is_same_file(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two names lead to one file, also where that does not exist yet.

    Raises:
        OSError: A name is none.
    """
    first, second = checked_name(first), checked_name(second)
    try:
        return Path(first).samefile(second)
    except OSError:
        return os.path.realpath(first) == os.path.realpath(second)
