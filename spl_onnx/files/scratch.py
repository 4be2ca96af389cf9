"""Folders for files that only this run needs, such as models too large to be handed over in memory.

The folder is locked for as long as its run lives; those of runs that were killed are removed by later ones.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from spl_onnx.files.locks import try_lock
from spl_onnx.files.reading import open_plain

_PREFIX = "spl-onnx-scratch-"
#: Not the folder itself: that is locked while a model is put into place.
_LOCK = ".lock"
#: Seconds after which a folder without a lock is not one that is about to get it.
_SETTLED = 60.0


class ScratchFolder:
    """A new folder, which goes in the end with all that is in it. A context manager that gives its path.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        _remove_dead(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self.path = Path(self._folder.name)
        self._lock = (self.path / _LOCK).open("wb")
        try_lock(self._lock.fileno())

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        """Remove the folder, if it is still there."""
        self._folder.cleanup()
        self._lock.close()


def _remove_dead(parent: Path) -> None:
    """Remove the user's own folders whose runs are gone."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = path.lstat()
            mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
            if mine and time.time() - found.st_mtime > _SETTLED and _is_dead(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_dead(path: Path) -> bool:
    """Whether the lock of a folder can be had. A run that was killed at once has made none."""
    try:
        with open_plain(path / _LOCK, follow=False) as lock:
            return try_lock(lock.fileno()) is True
    except FileNotFoundError:
        return True
