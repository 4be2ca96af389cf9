"""Random networks with free sizes, rewritten and run: the answers are those of plain ONNX Runtime.

    python -m scripts.harden.random_networks --count 100 --seed 7

Each network is rewritten twice, lossless with all rules and by default, and run at two sizes in one session
with the library: on each instruction set of the processor, with 1, 2 and 4 threads. Lossless outputs must
be those of the original but for rounding (`sensitivity.py`); so must those of the default without the
library. With it, outputs must have the right sizes, and what each operator gives for its own inputs must be
what the reference says.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.harden.isolated import Verdict, add_case_arguments, judge, report_cases, try_cases
from scripts.harden.network_trial import prepare, run_prepared
from scripts.harden.sanitizers import environment
from spl_onnx.measure.health import ISA_VARIABLE
from spl_onnx.plugin import get_library_path

ISAS = ("portable", "avx2", "avxvnni", "avx512", "avx512vnni")
#: Networks of one round: a child rewrites them, then one for each instruction set runs them.
_ROUND = 40


def available_isas(library: str) -> list[str]:
    """Instruction sets that the library runs on this processor."""
    program = "import sys, onnxruntime as o; o.SessionOptions().register_custom_ops_library(sys.argv[1])"
    command = [sys.executable, "-c", program, library]
    return [isa for isa in ISAS if _succeeds(command, {ISA_VARIABLE: isa})]


def _succeeds(command: Sequence[str], variables: dict[str, str]) -> bool:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, check=False)
    return done.returncode == 0


def try_networks(
    count: int, seed: int, library: str, isas: Sequence[str], sanitized: bool
) -> Iterator[Verdict]:
    """Verdicts of all networks; one that is wrong in several ways is told by the first."""
    command = [
        sys.executable,
        "-m",
        "scripts.harden.random_networks",
        "--seed",
        str(seed),
        "--library",
        library,
    ]
    for first in range(0, count, _ROUND):
        indices = range(first, min(first + _ROUND, count))
        with tempfile.TemporaryDirectory(prefix="spl-onnx-") as folder:
            yield from _merged(_round([*command, "--folder", folder], indices, isas, sanitized))


def _round(command: Sequence[str], indices: range, isas: Sequence[str], sanitized: bool) -> Iterator[Verdict]:
    yield from try_cases([*command, "--rewrite"], indices)
    for isa in isas:
        variables = {ISA_VARIABLE: isa, **(environment() if sanitized else {})}
        for verdict in try_cases(command, indices, variables):
            yield Verdict(verdict.index, isa, verdict.problem)


def _merged(verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
    """One verdict for each network, a bad one where there is one."""
    found: dict[int, Verdict] = {}
    for verdict in verdicts:
        if verdict.index not in found or (verdict.problem and not found[verdict.index].problem):
            found[verdict.index] = verdict
    yield from found.values()


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints every bad network and the counts; returns 1 when there is a bad one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_case_arguments(parser, count=100)
    parser.add_argument("--isas", nargs="+", choices=ISAS, help="default: all that run here")
    parser.add_argument("--rewrite", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    library = args.library or get_library_path()
    if args.first is not None:
        names = [(i, "rewrite" if args.rewrite else "run") for i in range(args.first, args.last)]
        if args.rewrite:
            report_cases(names, lambda index: prepare(index, args.seed, args.folder))
        else:
            report_cases(names, lambda index: run_prepared(index, args.folder, library))
        return 0
    isas = args.isas or available_isas(get_library_path())
    print(f"instruction sets: {', '.join(isas)}")
    verdicts = try_networks(args.count, args.seed, library, isas, args.sanitized)
    return judge("random networks", verdicts, args.seconds)


if __name__ == "__main__":
    sys.exit(main())
