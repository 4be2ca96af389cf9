"""Files a command will write: checked before long work starts."""

from __future__ import annotations

import errno
import stat
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from spl_onnx.errors import UsageError
from spl_onnx.files import Output, is_same_file, resolve_output

_STDOUT = 1


def check_output(path: str, flag: str, inputs: Iterable[str | Path | None] = ()) -> Output:
    """Refuse a file that could not be written at the end.

    Args:
        path: the file.
        flag: how the user named it, for messages.
        inputs: files that it must not be; None stands for one that was not given.

    Returns:
        Where the output goes.

    Raises:
        UsageError: it is a folder or an input, or its folder is missing or not writable.
    """
    try:
        output = resolve_output(path)
        for name in inputs:
            if name is not None and not _is_device(output) and is_same_file(path, name):
                raise UsageError(f"{flag} {path}: is also read or written as {name}, wanted another file")
    except FileNotFoundError as error:
        raise UsageError(f"{flag} {path!r}: {error.strerror}, wanted the name of a file") from error
    except OSError as error:
        raise UsageError(f"{flag} {path}: {_reason(error)}") from error
    if not output.is_stream:
        _check_folder(path, flag, output.path.parent)
        if output.old is not None and output.path.parent.stat().st_dev != output.old.st_dev:
            raise UsageError(
                f"{flag} {path}: is mounted by itself and cannot be replaced, mount its folder instead"
            )
    return output


def check_outputs(named: Sequence[tuple[str, str | None]], inputs: Iterable[str | Path | None]) -> list[str]:
    """Check the outputs of a command, which must be different files, too.

    Args:
        named: flag and path of each; a path that is None was not given.
        inputs: files that none of them may be.

    Returns:
        What the user should know about them.

    Raises:
        UsageError: as `check_output`.
    """
    taken, notes = list(inputs), []
    for flag, path in named:
        if path is not None:
            output = check_output(path, flag, taken)
            taken.append(path)
            names = 1 if output.old is None or output.is_stream else output.old.st_nlink
            if names > 1:
                notes.append(
                    f"{path}: the file has {names} names (hard links); the others keep the old content"
                )
    return notes


def is_stdout(*paths: str | None) -> bool:
    """Whether an output goes where tables are printed, so that these would get between."""
    return any(path is not None and resolve_output(path).descriptor == _STDOUT for path in paths)


def _check_folder(path: str, flag: str, folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"{flag} {path}: there is no folder {folder}: create it first")
    try:
        # Permission bits do not tell: the file system may be read-only, or the user may be root.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{flag} {path}: cannot write into {folder}: {error.strerror}") from error


def _is_device(output: Output) -> bool:
    """Several outputs may go to one device, such as /dev/null."""
    return output.is_stream and output.old is not None and stat.S_ISCHR(output.old.st_mode)


def _reason(error: OSError) -> str:
    if error.errno == errno.ENAMETOOLONG:
        return "the name is longer than the file system takes, wanted a shorter one"
    return error.strerror or str(error)
