"""The process of one engine: opens a network, runs images when it is told to and reports the times.

Requests and answers are lines of JSON, requests on standard input, answers on what was standard output when
the process started; what libraries print goes to standard error. An answer with "error" ends nothing: the
one who asked decides.

    {"do": "open", "setup": {...}}                        -> {"seconds", "before_mb", "says"}
    {"do": "time", "first": 0, "runs": 4, "warmup": 1}    -> {"ms": [...]}
    {"do": "outputs", "images": 100, "path": "x.npy"}     -> {}
    {"do": "peak"}                                        -> {"mb"}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from scripts.peers.engines import Array, Engine, Setup, load_engine


def peak_mb() -> float:
    """The most memory that this process held, in MB.

    Not `ru_maxrss`, in which Linux counts what the parent held when it started this process.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return float(kilobytes) / 1024


class Served:
    """One engine and its images; a method per request.

    Args:
        images: path of an .npy file, [count, C, H, W] float32, of which only what is used is read.
    """

    def __init__(self, images: str) -> None:
        self._images = np.load(images, mmap_mode="r")
        self._engine: Engine | None = None
        self._batch = 1

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked."""
        known: dict[str, Callable[..., dict[str, Any]]]
        known = {"open": self._open, "time": self._time, "outputs": self._outputs, "peak": self._peak}
        words = {name: value for name, value in request.items() if name != "do"}
        return known[request["do"]](**words)

    def _open(self, setup: Mapping[str, Any]) -> dict[str, Any]:
        wanted = Setup(**setup)
        engine = load_engine(wanted.engine)
        self._batch, before = wanted.batch, peak_mb()
        start = time.perf_counter()
        self._engine = engine(wanted)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "before_mb": before, "says": dict(self._engine.says())}

    def _time(self, first: int, runs: int, warmup: int) -> dict[str, Any]:
        """Times of the batches from `first` on; those of the warm-up are `first` again."""
        for _ in range(warmup):
            self._run(self._input(first))
        times = []
        for i in range(first, first + runs):
            images = self._input(i)
            start = time.perf_counter()
            self._run(images)
            times.append((time.perf_counter() - start) * 1e3)
        return {"ms": times}

    def _outputs(self, images: int, path: str) -> dict[str, Any]:
        """Outputs of the first images, in whole batches."""
        np.save(
            path, np.concatenate([self._run(self._input(i)).copy() for i in range(images // self._batch)])
        )
        return {}

    def _peak(self) -> dict[str, Any]:
        return {"mb": peak_mb()}

    def _input(self, index: int) -> Array:
        """The batch of an index, which goes round."""
        first = index % (len(self._images) // self._batch) * self._batch
        return np.array(self._images[first : first + self._batch])

    def _run(self, images: Array) -> Array:
        if self._engine is None:
            raise RuntimeError("nothing is open")
        return self._engine.run(images)


def serve(images: str, requests: TextIO, answers: TextIO) -> None:
    """Answer until there are no more requests."""
    served = Served(images)
    for line in requests:
        try:
            answer = served.answer(json.loads(line))
        except Exception as error:  # of any library; the one who asked hears of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve on standard input and output."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        serve(sys.argv[1], sys.stdin, answers)


if __name__ == "__main__":
    main()
