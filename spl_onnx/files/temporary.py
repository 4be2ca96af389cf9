"""New files under a name that nobody else uses, until they are complete.

The name is short and does not depend on the final one, which may be as long as a name can be. The file is
locked for as long as its writer lives; so one that can be locked belongs to a run that was killed.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from spl_onnx.files.locks import try_lock

#: Endings of content on its way, and of the list of names that a run must see in place or removed.
CONTENT, NAMES = ".tmp", ".names"
PATTERN = re.compile(r"\.spl-onnx-[0-9a-f]{16}(\.tmp|\.names)")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Temporary:
    """A new file in `folder`, which goes again unless it was moved to its place.

    Args:
        folder: Where the file is to be in the end.
        old: What it will take the place of. Mode and, where possible, owner are taken over when it is moved;
            a new file has the mode that new files have.
        ending: CONTENT or NAMES.

    Raises:
        OSError: The folder takes no file.
    """

    def __init__(self, folder: Path, old: os.stat_result | None = None, ending: str = CONTENT) -> None:
        self._old = old
        #: Whether it stays under this name, for a later run, when this one is left.
        self.kept = False
        self.path, descriptor = _create(folder, ending, 0o666 if old is None else 0o600)
        self.file: BinaryIO = os.fdopen(descriptor, "w+b")

    def __enter__(self) -> Temporary:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.kept and self.is_at(self.path):
            with suppress(OSError):
                self.path.unlink()
        with suppress(OSError):  # what was not written does not matter any more
            self.file.close()

    def sync(self) -> None:
        """The content is on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def move_to(self, target: Path) -> None:
        """Put the complete file into place, in one step."""
        if self._old is not None:
            _take_over(self.file.fileno(), self._old)
        self.sync()
        self.path.replace(target)

    def is_at(self, path: Path) -> bool:
        """Whether `path` is a name of this file."""
        return is_at(self.file.fileno(), path)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether `path` itself, not what a link leads to, is the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def _create(folder: Path, ending: str, mode: int) -> tuple[Path, int]:
    while True:
        path = folder / f".spl-onnx-{secrets.token_hex(8)}{ending}"
        with suppress(FileExistsError):
            descriptor = os.open(path, _FLAGS, mode)
            # Between the two somebody may have taken it for a file of a run that was killed.
            if try_lock(descriptor) is not False and is_at(descriptor, path):
                return path, descriptor
            os.close(descriptor)


def _take_over(descriptor: int, old: os.stat_result) -> None:
    """Owner first: changing it may clear bits of the mode."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    with suppress(OSError):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)
