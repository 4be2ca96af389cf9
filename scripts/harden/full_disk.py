"""Writers that find the disk full: old files stay whole, the error is the tool's own, nothing is left over.

    python -m scripts.harden.full_disk --count 50 --seed 1

Each try replaces a model with weights in a file of their own where a random number of bytes is left: on a
small file system in memory where this process may mount one, else under a limit for the size of a file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scripts.harden.isolated import summary
from scripts.harden.pairs import fault, litter, save
from scripts.harden.tries import add_try_arguments
from spl_onnx.errors import SplError

#: Of the file system: three models as `pairs.py` makes them.
_DISK_BYTES = 512 << 10
#: More than one model needs.
_MOST_BYTES = 200 << 10
#: Makes a context in which so many bytes can be written to a folder.
Limit = Callable[[Path, int], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system; gives whether that was possible."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path, free: int) -> Iterator[None]:
    """A file that leaves so many bytes of the disk."""
    filler = folder.parent / "filler"
    state = os.statvfs(folder)
    filler.write_bytes(b"\0" * max(0, state.f_bavail * state.f_frsize - free))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def short_files(folder: Path, free: int) -> Iterator[None]:
    """Files of at most so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def attempt(folder: Path, old: float, new: float, free: int, limit: Limit) -> tuple[float, str]:
    """Replace a model where only some bytes are free; gives the value it has now, and what is wrong."""
    value, problem = new, ""
    try:
        with limit(folder, free):
            save(folder, new)
    except SplError:
        value = old
    except Exception as error:  # what the user would see
        value, problem = old, f"{type(error).__name__}: {error}"
    problem = problem or fault(folder, {value}) or ""
    left = litter(folder) if not problem else []
    return value, problem or (f"left over: {left}" if left else "")


def faults(count: int, seed: int, folder: Path, limit: Limit) -> list[str]:
    """What was wrong after so many tries, one text for each that was bad."""
    chance, found, value = random.Random(seed), [], 0.0
    save(folder, value)
    for number in range(1, count + 1):
        free = chance.randrange(_MOST_BYTES)
        value, problem = attempt(folder, value, float(number), free, limit)
        if problem:
            found.append(f"{free} bytes free: {problem}")
            save(folder, value)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints every bad try and the counts; returns 1 when there is a bad one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_try_arguments(parser, 50, "tries", "of the bytes left")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="spl-onnx-disk-") as name, small_disk(Path(name)) as mounted:
        folder = Path(name) / "models"
        folder.mkdir()
        print("on a file system in memory" if mounted else "under a limit for the size of a file")
        found = faults(args.count, args.seed, folder, filled if mounted else short_files)
    for text in found:
        print(f"bad: {text}")
    print(summary("full disk", args.count, len(found)))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
