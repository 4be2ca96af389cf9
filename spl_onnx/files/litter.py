"""What killed runs left: their unfinished files, and data files that no model refers to any more."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from spl_onnx.files.data_names import is_data_name, unused
from spl_onnx.files.locks import try_lock
from spl_onnx.files.temporary import NAMES, PATTERN, is_at

_FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_LIST = 1 << 16


def remove_litter(folder: Path) -> None:
    """Remove what killed runs left in `folder`, which is locked. What cannot be removed stays."""
    with suppress(OSError):
        for path in [path for path in folder.iterdir() if PATTERN.fullmatch(path.name)]:
            with suppress(OSError):
                _remove_dead(path)


def remove_unused(folder: Path, names: set[str]) -> None:
    """Remove data files that no model in `folder` refers to."""
    for name in unused(folder, names):
        with suppress(OSError):
            (folder / name).unlink()


def _remove_dead(path: Path) -> None:
    """A file of a living writer is locked, by another process or by another thread of this one."""
    descriptor = os.open(path, _FLAGS)
    try:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if plain and try_lock(descriptor) and is_at(descriptor, path):
            if path.suffix == NAMES:
                listed = os.read(descriptor, _LONGEST_LIST).decode("utf-8", "replace").split("\n")
                remove_unused(path.parent, {name for name in listed if _is_ours(name)})
            path.unlink()
    finally:
        os.close(descriptor)


def _is_ours(name: str) -> bool:
    return "/" not in name and "\0" not in name and is_data_name(name)
