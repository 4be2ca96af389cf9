"""Writers of one name at once, and a reader: nobody ever sees a model with the weights of another.

    python scripts/harden/races.py --count 200 --seed 1

In each race two processes and two threads of a third replace one model with weights in a file of their own,
each by models of its own, while another process reads it. Readers get models that were written; in the end
one model with its weights is there, and nothing else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import onnx

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.harden.pairs import NAME, fault, fault_of, litter, save
from scripts.harden.tries import add_try_arguments, try_and_tell
from spl_onnx.rewrite.model.model_io import load_model

_SAVES = 3
_FORK = multiprocessing.get_context("fork")


def _write(folder: Path, values: Sequence[float], start: Barrier, delay: float) -> None:
    start.wait()
    time.sleep(delay)
    for value in values:
        save(folder, value)


def _write_in_threads(folder: Path, parts: Sequence[Sequence[float]], start: Barrier, delay: float) -> None:
    """Exit code 1 when a thread failed."""
    done: list[int] = []

    def work(values: Sequence[float]) -> None:
        for value in values:
            save(folder, value)
        done.append(1)

    threads = [threading.Thread(target=work, args=(values,)) for values in parts]
    start.wait()
    time.sleep(delay)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(len(done) != len(parts))


def _read(folder: Path, values: set[float], start: Barrier, stop: str) -> None:
    """Exit code 1 when a model was read that nobody wrote, or none could be read."""
    start.wait()
    while not Path(stop).exists():
        wrong = fault_of(load_model(folder / NAME), values)
        foreign = _read_by_onnx(folder)
        if wrong is None and foreign is not None:
            wrong = fault_of(foreign, values)
        if wrong is not None:
            print(wrong, file=sys.stderr)
            os._exit(1)


def _read_by_onnx(folder: Path) -> onnx.ModelProto | None:
    """None where it came too late for the weights of the model it had read."""
    try:
        return onnx.load(folder / NAME)
    except Exception:  # of the system, of the checker, or of C++
        return None


def race(folder: Path, first: float, chance: random.Random) -> list[str]:
    """What was wrong with one race; the model of `first` is there already."""
    parts = [[first + writer + part / 8 for part in range(1, _SAVES + 1)] for writer in range(4)]
    values = {first, *(value for part in parts for value in part)}
    start, stop = _FORK.Barrier(4), folder.parent / "stop"
    stop.unlink(missing_ok=True)
    delays = [chance.uniform(0, 0.01) for _ in range(3)]
    reader = _FORK.Process(target=_read, args=(folder, values, start, str(stop)))
    writers = [
        _FORK.Process(target=_write, args=(folder, parts[0], start, delays[0])),
        _FORK.Process(target=_write, args=(folder, parts[1], start, delays[1])),
        _FORK.Process(target=_write_in_threads, args=(folder, parts[2:], start, delays[2])),
    ]
    for process in (reader, *writers):
        process.start()
    for process in writers:
        process.join()
    stop.touch()
    reader.join()
    wrong = [f"a writer ended with {process.exitcode}" for process in writers if process.exitcode]
    wrong += ["the reader got a wrong model, or none"] if reader.exitcode else []
    left = litter(folder)
    return wrong + [text for text in (fault(folder, values), left and f"left over: {left}") if text]


def faults(count: int, seed: int) -> list[str]:
    """What was wrong in `count` races, one text for each that was bad."""
    chance, found = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="spl-onnx-races-") as name:
        folder = Path(name) / "models"
        folder.mkdir()
        for number in range(count):
            save(folder, 8.0 * number)
            texts = race(folder, 8.0 * number, chance)
            found += [f"race {number}: {'; '.join(texts)}"] if texts else []
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, and print how often and what was bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_try_arguments(parser, 200, "races", "of the delays")
    return try_and_tell(faults, parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
