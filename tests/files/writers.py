"""A pair of files that hold a number each, and processes that write it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spl_onnx.files.output import resolve_output
from spl_onnx.files.replace import write_file, write_pair

#: As long as some pages, so that a data file is more than one write.
REPEAT = 5000


def save(path: Path, value: int, *, pair: bool = True) -> tuple[Path, ...]:
    """Replace the file by one that holds `value`, or that and the data file's name."""
    text = f"{value:08d}".encode()
    if not pair:
        return write_file(resolve_output(path), b"\x08" + text)
    return write_pair(
        resolve_output(path),
        lambda data: data.write(text * REPEAT),
        lambda name: b"\x08" + text + name.encode(),
    )


def value_of(path: Path) -> int:
    """The number in the file, after a look whether its data file holds the same."""
    content = path.read_bytes()[1:]
    if name := content[8:].decode():
        assert path.with_name(name).read_bytes() == content[:8] * REPEAT, "data of something else"
    return int(content[:8])


def names(folder: Path) -> set[str]:
    """Names of all files."""
    return {path.name for path in folder.iterdir()}


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Run `action` in a process that dies before its step of this number.

    A step is a change of the file system, or a wait for the disk.

    Returns:
        Whether it came so far.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with dying_before(step):
                action()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the action failed by itself"
    return os.WIFSIGNALED(status)


@contextmanager
def dying_before(step: int) -> Iterator[None]:
    """Count the changes of the file system, and die before one."""
    left = [step]

    def counted(function):
        def call(*args, **kwargs):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return function(*args, **kwargs)

        return call

    steps = [(os, name) for name in ("open", "fsync", "fchmod", "fchown", "close")]
    steps += [(Path, name) for name in ("replace", "unlink")]
    before = [(owner, name, getattr(owner, name)) for owner, name in steps]
    for owner, name, function in before:
        setattr(owner, name, counted(function))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
