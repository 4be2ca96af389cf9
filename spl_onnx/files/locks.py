"""Advisory locks: they end with their process, however that ends, and hold between threads and containers."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Seconds that a writer waits for others in its folder. Each needs a few renames.
PATIENCE = 60.0
_PAUSE = 0.005


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file for this open file alone.

    Returns:
        Whether it is locked; False where somebody else has it, None where the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def locked_folder(folder: Path) -> Iterator[bool]:
    """Keep other writers of this package from changing `folder` meanwhile.

    Yields:
        Whether that is certain; False where the file system has no locks or the folder cannot be opened.

    Raises:
        OSError: Somebody has had the lock for too long.
    """
    descriptor = _open_folder(folder)
    if descriptor is None:
        yield False
        return
    try:
        deadline = time.monotonic() + PATIENCE
        while (got := try_lock(descriptor)) is False:
            if time.monotonic() > deadline:
                raise OSError(errno.EBUSY, f"another program has locked {folder} for {PATIENCE:.0f} s")
            time.sleep(_PAUSE)
        yield got is True
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Names that were given in `folder` are on the disk. File systems that cannot promise that are let be.

    Raises:
        OSError: The disk has failed.
    """
    descriptor = _open_folder(folder)
    if descriptor is None:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _open_folder(folder: Path) -> int | None:
    """One may write into a folder that one may not read; then there is no descriptor."""
    with suppress(OSError):
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return None
