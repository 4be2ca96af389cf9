"""Command lines of stages that try something again and again by chance."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence


def add_try_arguments(parser: argparse.ArgumentParser, count: int, tries: str, seed_of: str) -> None:
    """How often, and the seed.

    Args:
        parser: gets the arguments.
        count: how often without `--count`.
        tries: what is tried.
        seed_of: what is left to chance.
    """
    parser.add_argument("--count", type=int, default=count, help=f"{tries} (default {count})")
    parser.add_argument("--seed", type=int, default=0, help=f"{seed_of} (default 0)")


def try_and_tell(
    faults: Callable[[int, int], list[str]],
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
) -> int:
    """Try as often as the command line says; print what was bad and how much of it; 1 when there was any.

    Args:
        faults: what was wrong, by count and seed.
        parser: with the arguments of `add_try_arguments`.
        arguments: of the command line; None = those of the process.
    """
    options = parser.parse_args(arguments)
    found = faults(options.count, options.seed)
    for text in found:
        print(text, file=sys.stderr)
    print(f"tried {options.count}, bad {len(found)}")
    return 1 if found else 0
