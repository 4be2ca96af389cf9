"""Writers that are killed: whatever the moment, the files are the old or the new ones, and nothing is left.

    python scripts/harden/kills.py --count 200 --seed 1

A process replaces a model with weights in a file of their own again and again until it gets SIGKILL. After
each kill the model must load, as one of those that were written; after the next save nothing else is there.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.harden.pairs import fault, litter, save
from scripts.harden.tries import add_try_arguments, try_and_tell

#: Longer than a few saves take.
_LONGEST_SECONDS = 0.05


def killed_writer(folder: Path, values: Sequence[float], seconds: float) -> None:
    """A process that saves until it is killed, at least once begun; every third model holds its weights."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                for number, value in enumerate(values):
                    save(folder, value, external=number % 3 != 2)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        raise RuntimeError("the writer ended by itself")


def faults(count: int, seed: int) -> list[str]:
    """What was wrong after `count` kills, one text for each that was bad."""
    chance, found = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="spl-onnx-kills-") as name:
        folder, current = Path(name), 0.0
        save(folder, current)
        for number in range(1, count + 1):
            values = [number + part / 8 for part in range(1, 5)]
            killed_writer(folder, values, chance.uniform(0, _LONGEST_SECONDS))
            wrong = fault(folder, {current, *values})
            current = float(number)
            save(folder, current)
            left = litter(folder)
            texts = [text for text in (wrong, left and f"left over: {left}") if text]
            found += [f"kill {number}: {'; '.join(texts)}"] if texts else []
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, and print how often and what was bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_try_arguments(parser, 200, "kills", "of the moments")
    return try_and_tell(faults, parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
