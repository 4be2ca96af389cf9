"""All stages in turn: counts are those programs say, faults make the exit code, missing tools are told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.harden import stages
from scripts.harden.record import COLUMNS
from scripts.harden.sanitizers import MissingToolError
from scripts.harden.stages import STAGES, Outcome, Round, Stage, chosen_stages, main, run_round, run_stage


def says(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"]


@pytest.mark.parametrize(
    ("command", "counts"),
    [
        (says("x: tried 7, clean 6, bad 1", 1), (7, 1)),
        (says("tried 7, bad 0"), (7, 0)),
        (says("tried 9, clean 5, refused 1, leaks 1, crashes 2, invalid accepted 0", 1), (9, 3)),
        (says("tried 7, bad 0", 66), (7, 1)),  # a sanitizer's own exit code
        (says("no counts", 1), (0, 1)),
    ],
)
def test_counts_of_a_program(command: list[str], counts: tuple[int, int]) -> None:
    assert run_round(command) == counts


def counted(per_round: int | None, calls: list[Round]) -> Stage:
    def command(part: Round) -> list[str]:
        calls.append(part)
        return says(f"tried {part.count}, bad 0")

    return Stage("some", "some cases", command, 10, 3, 1, per_round)


def test_rounds_have_seeds_of_their_own_and_add_up() -> None:
    calls: list[Round] = []
    assert run_stage(counted(4, calls), 10, 50, 60).tried == 10
    assert [(part.count, part.seed) for part in calls] == [(4, 50), (4, 51), (2, 52)]


def test_no_round_begins_after_the_time() -> None:
    calls: list[Round] = []
    assert run_stage(counted(4, calls), 10, 0, 0.0).tried == 4
    assert len(calls) == 1


def test_missing_tools_are_told_and_nothing_is_counted() -> None:
    def missing(part: Round) -> list[str]:
        raise MissingToolError("no libasan.so")

    outcome = run_stage(Stage("some", "some cases", missing, 10, 3, 1), 10, 0, 60)
    assert outcome == Outcome(skipped="no libasan.so")
    assert outcome.line("some") == "some: skipped: no libasan.so"


def test_a_build_that_fails_is_bad() -> None:
    def broken(part: Round) -> list[str]:
        raise RuntimeError("cmake failed")

    assert run_stage(Stage("some", "some cases", broken, 10, 3, 1), 10, 0, 60).bad == 1


def test_stages_by_name() -> None:
    assert chosen_stages([]) == list(STAGES)
    assert [stage.name for stage in chosen_stages(["kills", "uses"])] == ["kills", "uses"]
    with pytest.raises(ValueError, match="no stage nothing, wanted one of uses, "):
        chosen_stages(["nothing"])
    for stage in STAGES:
        assert 0 < stage.short <= stage.full


def test_main_prints_all_records_and_fails_for_one_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n\nend\n", encoding="utf-8")
    good = Stage("good", "good cases", lambda part: says(f"tried {part.count}, bad 0"), 9, 2, 1)
    bad = Stage("bad", "bad cases", lambda part: says("tried 3, bad 1", 1), 3, 3, 1)
    monkeypatch.setattr(stages, "STAGES", (good, bad))
    assert main(["--short", "--record", str(page)]) == 1
    assert capsys.readouterr().out.endswith("good: tried 2, clean 2, bad 0\nbad: tried 3, clean 2, bad 1\n")
    rows = page.read_text(encoding="utf-8").splitlines()
    assert rows[2].startswith("| good cases | 2 | 2 | 0 | 0 |") and rows[3].startswith(
        "| bad cases | 3 | 2 | 1 |"
    )
    assert rows[4:] == ["", "end"]
    assert main(["good"]) == 0


@pytest.mark.parametrize("name", ["kills", "races", "full-disk"])
def test_writers(name: str) -> None:
    (stage,) = chosen_stages([name])
    outcome = run_stage(stage, 2, 0, 60)
    assert (outcome.tried, outcome.bad, outcome.skipped) == (2, 0, "")
