"""Files a command will write: checked before long work starts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from spl_onnx.errors import UsageError


def check_output(path: str, flag: str, inputs: tuple[str, ...] = ()) -> None:
    """Refuse a file that could not be written at the end.

    Args:
        path: the file.
        flag: how the user named it, for messages.
        inputs: files that it must not be.

    Raises:
        UsageError: it is a folder or an input, or its folder is missing or not writable.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{flag} {path}: is a folder, wanted the name of a file")
    for name in inputs:
        if _same(target, Path(name)):
            raise UsageError(f"{flag} {path}: is also read or written as {name}, wanted another file")
    folder = target.parent
    if not folder.is_dir():
        raise UsageError(f"{flag} {path}: there is no folder {folder}: create it first")
    try:
        # Permission bits do not tell: the file system may be read-only, or the user may be root.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{flag} {path}: cannot write into {folder}: {error.strerror}") from error


def _same(first: Path, second: Path) -> bool:
    if first.exists() and second.exists():
        return first.samefile(second)
    return first.resolve() == second.resolve()
