"""Writers that are killed leave nothing broken."""

from __future__ import annotations

from scripts.harden import kills


def test_twenty_kills(capsys):
    assert kills.main(["--count", "20", "--seed", "3"]) == 0
    assert capsys.readouterr().out == "tried 20, bad 0\n"


def test_what_is_left_is_counted(monkeypatch, capsys):
    monkeypatch.setattr(kills, "litter", lambda folder: ["something"])
    assert kills.main(["--count", "2"]) == 1
    output = capsys.readouterr()
    assert output.out == "tried 2, bad 2\n" and "kill 2: left over: ['something']" in output.err
