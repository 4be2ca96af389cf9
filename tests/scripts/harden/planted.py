"""A child of `isolated.try_cases` whose third case ends the process."""

from __future__ import annotations

import argparse
import os

from scripts.harden.isolated import report_cases

CRASHES, WRONG, RAISES = 2, 4, 5


def check(index: int) -> str:
    if index == CRASHES:
        os.abort()
    if index == RAISES:
        raise ValueError("odd")
    return "wrong" if index == WRONG else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int)
    parser.add_argument("--last", type=int)
    args = parser.parse_args()
    report_cases([(i, f"case {i}") for i in range(args.first, args.last)], check)
