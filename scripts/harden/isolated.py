"""Cases tried in child processes: one that dies costs its own case, and the next child goes on behind it.

A driver has the cases 0, 1, 2, ... of a seed. It is its own child as well: with `--first` it runs the cases
from there on in this process and reports each by two lines of JSON, one before and one after. Whatever ends
the process between the two is the case's own doing, also a limit of time (an alarm that nobody catches).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.harden.tries import add_try_arguments

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that one case may take, sanitizers included.
TIME_LIMIT = 120
#: Lines of a sanitizer's report that say what and where.
_TELLING = (
    "ERROR: AddressSanitizer",
    "runtime error:",
    "WARNING: ThreadSanitizer",
    "Error",
    "error",
    "terminate",
)


@dataclass(frozen=True)
class Verdict:
    """How one case ended.

    Attributes:
        index: its number; -1 for an end that belongs to no case.
        name: its family and what is odd about it.
        problem: what is wrong; "" when it is clean.
    """

    index: int
    name: str
    problem: str = ""


def report_cases(
    cases: Iterable[tuple[int, str]], check: Callable[[int], str], time_limit: int = TIME_LIMIT
) -> None:
    """The child's part: check every case, each between two lines on stdout.

    Args:
        cases: numbers and names.
        check: gives what is wrong with the case of a number, "" for nothing; what it raises is wrong, too.
        time_limit: seconds for one case.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for index, name in cases:
        print(json.dumps({"start": index, "name": name}), file=out, flush=True)
        signal.alarm(time_limit)
        try:
            problem = check(index)
        except Exception as error:  # the check itself is at fault, which must be seen as well
            problem = f"the check failed: {type(error).__name__}: {error}"
        signal.alarm(0)
        print(json.dumps({"end": index, "problem": problem}), file=out, flush=True)


def try_cases(
    command: Sequence[str], indices: range, environment: Mapping[str, str] | None = None
) -> Iterator[Verdict]:
    """The parent's part: verdicts of the cases in order, over as many children as it takes.

    Args:
        command: of the child; `--first` and `--last` (exclusive) follow it.
        indices: numbers of the cases, at least one.
        environment: added to this process's own.
    """
    first, last = indices.start, indices.stop
    while first < last:
        done = 0
        for verdict in _one_child([*command, "--first", str(first), "--last", str(last)], environment):
            yield verdict
            done += verdict.index >= 0
        if not done:
            yield Verdict(-1, "child", "it ended before its first case")
            return
        first += done


def _one_child(command: Sequence[str], environment: Mapping[str, str] | None) -> Iterator[Verdict]:
    started: tuple[int, str] | None = None
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        child = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert child.stdout is not None
            for line in child.stdout:
                said = _parsed(line)
                if "start" in said:
                    started = int(said["start"]), str(said["name"])
                elif "end" in said and started is not None:
                    yield Verdict(*started, str(said["problem"]))
                    started = None
        except GeneratorExit:  # nobody wants the rest
            child.kill()
            raise
        finally:
            child.stdout.close()  # type: ignore[union-attr]
            code = child.wait()
        if started is not None:
            errors.seek(0)
            yield Verdict(*started, f"{ending(code)}: {telling_lines(errors.read())}")
        elif code:
            errors.seek(0)
            yield Verdict(-1, "child", f"{ending(code)}: {telling_lines(errors.read())}")


def _parsed(line: str) -> dict[str, object]:
    try:
        said = json.loads(line)
    except ValueError:  # somebody else's output
        return {}
    return said if isinstance(said, dict) else {}


def ending(code: int) -> str:
    """An exit status in words."""
    if code == -signal.SIGALRM:
        return "took too long"
    return f"signal {-code}" if code < 0 else f"exit {code}"


def telling_lines(text: str) -> str:
    """The first line that says what went wrong, and the project's first place in a trace."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [line for line in lines if any(word in line for word in _TELLING)][:1]
    found += [line for line in lines if line.startswith("#") and "ort_ops/" in line][:1]
    return " | ".join(found or lines[-1:])[:400]


def add_case_arguments(parser: argparse.ArgumentParser, count: int) -> None:
    """Arguments that all drivers have; `first` and `last` are for their children."""
    add_try_arguments(parser, count, "cases to try", "which cases")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no case after so long")
    parser.add_argument("--library", help="operator library (default: the installed one)")
    parser.add_argument("--sanitized", action="store_true", help="the library is built with sanitizers")
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--last", type=int, help=argparse.SUPPRESS)


def judge(stage: str, verdicts: Iterable[Verdict], seconds: float = float("inf")) -> int:
    """Print every bad case and the summary; 1 when there is one.

    Args:
        stage: name for the summary.
        verdicts: of the cases as they end.
        seconds: after so long no more are waited for.
    """
    end, tried, bad = time.monotonic() + seconds, 0, 0
    for verdict in verdicts:
        tried += verdict.index >= 0
        if verdict.problem:
            bad += 1
            print(f"bad: {verdict.index} {verdict.name}: {verdict.problem}", flush=True)
        if time.monotonic() > end:
            break
    print(summary(stage, tried, bad))
    return int(bad > 0)


def summary(stage: str, tried: int, bad: int) -> str:
    """The line that every stage ends with; an end before the first case is bad, too."""
    return f"{stage}: tried {tried}, clean {max(0, tried - bad)}, bad {bad}"
