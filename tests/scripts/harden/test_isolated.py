"""A case that ends its process is a bad one, and the others are tried all the same."""

from __future__ import annotations

import signal
import sys

from scripts.harden.isolated import Verdict, ending, judge, telling_lines, try_cases
from tests.scripts.harden import planted

CHILD = [sys.executable, "-m", "tests.scripts.harden.planted"]


def test_every_kind_of_bad_case_is_found_and_nothing_else():
    verdicts = list(try_cases(CHILD, range(7)))
    assert [verdict.index for verdict in verdicts] == list(range(7))
    bad = {verdict.index: verdict.problem for verdict in verdicts if verdict.problem}
    assert set(bad) == {planted.CRASHES, planted.WRONG, planted.RAISES}
    assert bad[planted.CRASHES].startswith(f"signal {signal.SIGABRT.value}")
    assert bad[planted.WRONG] == "wrong" and "ValueError: odd" in bad[planted.RAISES]


def test_a_child_that_never_begins_is_bad():
    verdicts = list(try_cases([sys.executable, "-c", "raise SystemExit(3)"], range(2)))
    assert verdicts and all(verdict.problem and verdict.index < 0 for verdict in verdicts)
    assert "exit 3" in verdicts[0].problem


def test_the_summary_counts_the_bad_ones(capsys):
    assert judge("kind", [Verdict(0, "a"), Verdict(1, "b", "wrong")]) == 1
    text = capsys.readouterr().out
    assert "bad: 1 b: wrong" in text and text.splitlines()[-1] == "kind: tried 2, clean 1, bad 1"
    assert judge("kind", [Verdict(0, "a")]) == 0


def test_no_case_is_begun_after_the_time():
    begun = []

    def verdicts():
        for index in range(9):
            begun.append(index)
            yield Verdict(index, "x")

    judge("kind", verdicts(), seconds=0.0)
    assert begun == [0]


def test_reports_of_sanitizers_are_cut_to_what_they_say():
    text = """noise
    x.cc:3:1: runtime error: signed integer overflow: 1 + 2
    #0 0x1 in f /usr/lib/z.cc
    #1 0x2 in spl::run ort_ops/kernels/shape/geometry.cc:59
    SUMMARY"""
    assert telling_lines(text) == (
        "x.cc:3:1: runtime error: signed integer overflow: 1 + 2 | "
        "#1 0x2 in spl::run ort_ops/kernels/shape/geometry.cc:59"
    )
    assert ending(-signal.SIGALRM) == "took too long" and ending(-11) == "signal 11"
