"""Models are tried in processes of their own, and every end of one is counted."""

from __future__ import annotations

import pytest

from scripts.harden import mutants
from scripts.harden.mutants import Worker, cases, main


def test_same_seed_same_models():
    assert cases(50, 3) == cases(50, 3) != cases(50, 4)


def test_summary_line(capsys, plugin_path):
    main(["--count", "4", "--seed", "1", "--limit", "60"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("tried 4, clean ") and ", crashes 0, " in last


def test_a_late_process_is_a_crash_and_is_replaced(plugin_path):
    worker = Worker(limit=0.0)
    try:
        late = worker.run(("residual", "structure", 0))
        assert late["outcome"] == "crash" and "ended with -9" in late["detail"]
        worker._limit = 60.0
        assert worker.run(("residual", "cut", 0))["outcome"] == "refused"
    finally:
        worker.close()


def test_bad_models_are_printed(monkeypatch, capsys):
    bad = {"outcome": "leak", "detail": "KeyError: 'pads' @ rule.py:1"}
    monkeypatch.setattr(mutants, "results", lambda wanted, limit: ((case, bad) for case in wanted))
    assert main(["--only", "residual", "bytes", "12"]) == 1
    printed = capsys.readouterr().out
    assert "leak: residual bytes 12: KeyError" in printed
    assert printed.endswith("tried 1, clean 0, refused 0, leaks 1, crashes 0, invalid accepted 0\n")


@pytest.mark.parametrize("count", [0, 3])
def test_all_models_are_tried(count, plugin_path):
    assert len(list(mutants.results(cases(count, 2), 60.0))) == count
