"""All searches for faults, one by one: hostile uses, random networks, threads, damaged models, writers.

    python -m scripts.harden.stages [--short] [--minutes N] [--record FILE] [STAGE...]

Each stage is a program of this folder that prints what it tried and what was bad. A stage whose tools are
missing is skipped, with the reason, and counts as nothing tried. `--record` writes the figures into the
table of a page.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.harden.isolated import ROOT, summary
from scripts.harden.record import record
from scripts.harden.sanitizers import MissingToolError, memory_library, threads_program

#: What a program says at its end; mutants.py names kinds of bad ones.
_TRIED = re.compile(r"tried (\d+)")
_BAD = re.compile(r"(?:bad|leaks|crashes|invalid accepted) (\d+)")
#: Of what is the same in every run.
FIXED_SEED = 0


@dataclass(frozen=True)
class Round:
    """One call of a stage's program.

    Attributes:
        count: how many cases.
        seed: which ones.
        seconds: how long it may go on; programs that cannot stop early have small counts.
    """

    count: int
    seed: int
    seconds: float


@dataclass(frozen=True)
class Stage:
    """One kind of search.

    Attributes:
        name: on the command line.
        title: in the table.
        command: makes the command of a round; may raise MissingToolError.
        full: cases of a whole run.
        short: cases of the short run.
        share: of the time, where that is limited.
        per_round: cases of one call, for programs that do not look at the clock; None = all.
        fresh: whether each run has a new seed.
    """

    name: str
    title: str
    command: Callable[[Round], list[str]]
    full: int
    short: int
    share: float
    per_round: int | None = None
    fresh: bool = False


@dataclass
class Outcome:
    """What a stage came to.

    Attributes:
        tried: cases.
        bad: those with a fault.
        seed: of its first round.
        skipped: why nothing was tried; "" when something was.
    """

    tried: int = 0
    bad: int = 0
    seed: int = FIXED_SEED
    skipped: str = ""

    def line(self, name: str) -> str:
        """The summary of a stage."""
        return f"{name}: skipped: {self.skipped}" if self.skipped else summary(name, self.tried, self.bad)


def _program(module: str, part: Round, *words: str, timed: bool = True) -> list[str]:
    command = [
        sys.executable,
        "-m",
        f"scripts.harden.{module}",
        "--count",
        str(part.count),
        "--seed",
        str(part.seed),
    ]
    return [*command, *(["--seconds", f"{part.seconds:.0f}"] if timed else []), *words]


def _sanitized(module: str, *words: str) -> Callable[[Round], list[str]]:
    def command(part: Round) -> list[str]:
        return _program(module, part, "--sanitized", "--library", str(memory_library()), *words)

    return command


def _plain(module: str, timed: bool = True) -> Callable[[Round], list[str]]:
    return lambda part: _program(module, part, timed=timed)


STAGES = (
    Stage("uses", "hostile uses of the operators, ASan + UBSan", _sanitized("operator_uses"), 20000, 700, 3),
    Stage("uses-plain", "hostile uses of the operators, as released", _plain("operator_uses"), 20000, 700, 2),
    Stage(
        "networks",
        "random networks, all instruction sets, 1, 2 and 4 threads",
        _plain("random_networks"),
        3000,
        30,
        8,
    ),
    Stage("networks-memory", "random networks, ASan + UBSan", _sanitized("random_networks"), 300, 8, 2),
    Stage(
        "threads",
        "calls that share a layer, TSan",
        lambda part: [str(threads_program()), str(part.count), str(part.seed)],
        400,
        6,
        2,
        20,
    ),
    Stage("mutants", "damaged models, fixed seed", _plain("mutants", timed=False), 5000, 60, 6, 250),
    Stage(
        "mutants-fresh",
        "damaged models, fresh seed",
        _plain("mutants", timed=False),
        5000,
        60,
        6,
        250,
        fresh=True,
    ),
    Stage("kills", "writers that are killed", _plain("kills", timed=False), 200, 20, 1, 50),
    Stage("races", "writers and readers at once", _plain("races", timed=False), 200, 10, 1, 25),
    Stage("full-disk", "writers on a full disk", _plain("full_disk", timed=False), 200, 40, 0.5, 50),
)


def run_stage(stage: Stage, count: int, seed: int, seconds: float) -> Outcome:
    """Run a stage, round by round, until all cases are tried or the time is over; at least one round.

    Args:
        stage: what to run.
        count: cases, over all rounds.
        seed: of the first round; each further one has the next.
        seconds: after so long no round begins.
    """
    end, outcome, planned = time.monotonic() + seconds, Outcome(seed=seed), 0
    while planned < count:
        part = Round(min(stage.per_round or count, count - planned), seed, max(1.0, end - time.monotonic()))
        try:
            tried, bad = run_round(stage.command(part))
        except MissingToolError as missing:
            return Outcome(skipped=str(missing))
        except RuntimeError as error:
            print(f"bad: {error}")
            return Outcome(bad=1)
        outcome.tried, outcome.bad = outcome.tried + tried, outcome.bad + bad
        planned, seed = planned + part.count, seed + 1
        if time.monotonic() > end:
            break
    return outcome


def run_round(command: Sequence[str]) -> tuple[int, int]:
    """Run a program, show what it says, and give its counts; an end without counts is a bad case."""
    last = ""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"  {line.rstrip()}", flush=True)
            last = line if _TRIED.search(line) else last
    tried = int(found.group(1)) if (found := _TRIED.search(last)) else 0
    bad = sum(int(number) for number in _BAD.findall(last))
    # A sanitizer's report changes the exit code and not the counts.
    return tried, max(bad, int(process.returncode != 0))


def chosen_stages(names: Sequence[str]) -> list[Stage]:
    """The stages of these names, all for none; ValueError for an unknown one."""
    known = {stage.name: stage for stage in STAGES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no stage {unknown[0]}, wanted one of {', '.join(known)}")
    return [known[name] for name in names] or list(STAGES)


def run_all(stages: Sequence[Stage], short: bool, seconds: float) -> Iterator[tuple[Stage, Outcome]]:
    """Outcomes of the stages; time that one leaves goes to those behind it."""
    end = time.monotonic() + seconds
    for i, stage in enumerate(stages):
        left = max(0.0, end - time.monotonic())
        seed = int(time.time()) if stage.fresh else FIXED_SEED
        print(f"== {stage.name}: {stage.title}, seed {seed}", flush=True)
        share = left * stage.share / sum(other.share for other in stages[i:])
        outcome = run_stage(stage, stage.short if short else stage.full, seed, share)
        print(outcome.line(stage.name), flush=True)
        yield stage, outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what each stage says and a table; returns 1 when anything is bad."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(stage.name for stage in STAGES))
    parser.add_argument("--short", action="store_true", help="few cases, for every change")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for all stages, builds included")
    parser.add_argument("--record", type=Path, help="page whose table gets the figures")
    args = parser.parse_args(arguments)
    try:
        stages = chosen_stages(args.stages)
    except ValueError as error:
        parser.error(str(error))
    outcomes = list(run_all(stages, args.short, args.minutes * 60))
    print("\n== all")
    for stage, outcome in outcomes:
        print(outcome.line(stage.name))
    if args.record is not None:
        record(args.record, [(s.title, o.tried, o.bad, o.seed) for s, o in outcomes if not o.skipped])
    return int(any(outcome.bad for _, outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
