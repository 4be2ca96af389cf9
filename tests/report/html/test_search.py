"""How the choices were found."""

from __future__ import annotations

from tests.report.html.reports import Reader, bare, drawn, full


def words(report):
    return " ".join(Reader(drawn("search", report)).words["search"].split())


def test_facts_and_steps():
    shown = words(full())
    for part in (
        "objective time order gain metric top1 drop allowed 1.00 points samples 200",
        "changes tried 7 changes kept 4 took 61 s",
        "It stopped before its end: the time was up.",
        "All 3 steps",
        "1 two: int8 80.0 % 0.001 0.20 points yes",
        "2 five: int8 79.0 % 0.02 - no",
    ):
        assert part in shown


def test_costs_in_flops():
    report = full()
    report["search"]["cost_unit"] = "flops"
    assert "FLOPs, % of the original's" in words(report)


def test_missing_parts():
    assert "There was none" in words(bare())
    report = full()
    report["search"] = {"tried": 3, "kept": 0, "images": 4}
    shown = words(report)
    assert "changes tried 3 changes kept 0" in shown and "Its steps were not recorded" in shown


def test_a_search_that_found_nothing_says_so():
    """Beside the times where there are some, else here."""
    report = full()
    report["search"] |= {"note": "nothing worth converting"}
    assert report["search"]["chosen_ms"] and "nothing worth converting" not in words(report)
    del report["search"]["chosen_ms"]
    assert "nothing worth converting" in words(report)
