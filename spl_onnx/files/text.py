"""Text files: plans, reports in JSON, pages."""

from __future__ import annotations

from pathlib import Path

from spl_onnx.errors import UsageError
from spl_onnx.files.output import resolve_output
from spl_onnx.files.replace import write_file


def write_text(path: str | Path, text: str, flag: str) -> None:
    """Write a text file, all or nothing; a pipe or a device is written through.

    Args:
        path: The file.
        text: Its content; characters that are none (from odd file names) are written as escapes.
        flag: The command line flag that named it, for the message.

    Raises:
        UsageError: The file cannot be written. An existing one is then as it was.
    """
    try:
        write_file(resolve_output(path), text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(
            f"{flag} {path}: cannot be written ({error.strerror or error}): choose another path"
        ) from error
