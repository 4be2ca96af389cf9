"""Damaged models through the tool: each is done, or refused in one line; nothing else may happen.

    python scripts/harden/mutants.py --count 1000 --seed 7

Models are damaged by number (`damage.py`), so a finding can be had again with `--only BASE KIND NUMBER`. Each
runs in a process of its own kind: one that dies or takes too long is counted and replaced. A model is bad
when something else than an error of the tool came out (leak), when the process ended (crash), or when it was
accepted although onnx.checker and ONNX Runtime both refuse it (invalid accepted).
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import select
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
if not __package__:  # run as a file
    sys.path.insert(0, str(PROJECT))

from scripts.harden.bases import REWRITTEN, base_names  # noqa: E402
from scripts.harden.damage import KINDS  # noqa: E402
from scripts.harden.tries import add_try_arguments  # noqa: E402

#: Structure reaches furthest, and most cut files are no protobuf any more.
_SHARES = {"structure": 6, "bytes": 3, "cut": 1}
#: The tool refuses models that hold its operators early, so others are tried so many times as often.
_PLAIN_SHARE = 3
_LIMIT_SECONDS = 60.0
_STARTING_SECONDS = 120.0
_PROCESSES = 2
OUTCOMES = ("clean", "refused", "leak", "crash", "invalid")

Case = tuple[str, str, int]


class Worker:
    """A process that tries one damaged model after the other.

    Args:
        limit: seconds that a model may take.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._folder = tempfile.TemporaryDirectory(prefix="spl-onnx-mutants-")
        self._stage = Path(self._folder.name) / "stage"
        self._start()

    def _start(self) -> None:
        self._stage.write_text("start", encoding="utf-8")
        command = [sys.executable, "-m", "scripts.harden.trial", self._folder.name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd=PROJECT, text=True, **pipes)
        self._answer(_STARTING_SECONDS)

    def run(self, case: Case) -> dict[str, Any]:
        """What became of one model: `outcome`, one of OUTCOMES, and `detail`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        answer = self._answer(self._limit)
        if answer is not None:
            return answer
        self._process.kill()
        code = self._process.wait()
        stage = self._stage.read_text(encoding="utf-8")
        self._start()
        return {"outcome": "crash", "detail": f"the process ended with {code} during: {stage}"}

    def _answer(self, limit: float) -> dict[str, Any] | None:
        """The next line of the process; None when it has ended or is late."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        line = self._process.stdout.readline() if ready else ""
        return json.loads(line) if line.strip() else None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def cases(count: int, seed: int) -> list[Case]:
    """`count` models to try, the same ones for the same seed."""
    r = random.Random(seed)
    names, kinds = base_names(), list(_SHARES)
    weights = [1 if name.endswith(REWRITTEN) else _PLAIN_SHARE for name in names]
    shares = list(_SHARES.values())
    return [
        (r.choices(names, weights)[0], r.choices(kinds, shares)[0], r.randrange(1 << 40))
        for _ in range(count)
    ]


def results(wanted: Sequence[Case], limit: float) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Try all models, two at a time; yields them as they are done."""
    waiting: queue.Queue[Case] = queue.Queue()
    done: queue.Queue[tuple[Case, dict[str, Any]]] = queue.Queue()
    for case in wanted:
        waiting.put(case)

    def work() -> None:
        worker = Worker(limit)
        try:
            while True:
                case = waiting.get_nowait()
                done.put((case, worker.run(case)))
        except queue.Empty:
            worker.close()

    for _ in range(min(_PROCESSES, len(wanted))):
        threading.Thread(target=work, daemon=True).start()
    for _ in wanted:
        yield done.get()


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints every bad model and the counts; returns 1 when there is a bad one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_try_arguments(parser, 500, "models to try", "which models")
    parser.add_argument("--limit", type=float, default=_LIMIT_SECONDS, help="seconds per model")
    parser.add_argument("--only", nargs=3, metavar=("BASE", "KIND", "NUMBER"), help="one model again")
    args = parser.parse_args(arguments)
    wanted = cases(args.count, args.seed)
    if args.only:
        wanted = [(args.only[0], args.only[1], int(args.only[2]))]
        assert wanted[0][1] in KINDS, f"wanted one of {', '.join(KINDS)}"
    counts: Counter[str] = Counter()
    for case, result in results(wanted, args.limit):
        counts[result["outcome"]] += 1
        if args.only or result["outcome"] not in ("clean", "refused"):
            print(f"{result['outcome']}: {' '.join(map(str, case))}: {result['detail']}", flush=True)
    print(summary(counts))
    return int(any(counts[outcome] for outcome in OUTCOMES[2:]))


def summary(counts: Counter[str]) -> str:
    """The counts in one line."""
    clean, refused, leaks, crashes, invalid = (counts[outcome] for outcome in OUTCOMES)
    return (
        f"tried {counts.total()}, clean {clean}, refused {refused}, leaks {leaks}, crashes {crashes}, "
        f"invalid accepted {invalid}"
    )


if __name__ == "__main__":
    sys.exit(main())
