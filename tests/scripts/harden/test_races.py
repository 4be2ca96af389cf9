"""Writers of one name never mix their files."""

from __future__ import annotations

from scripts.harden import races


def test_some_races(capsys):
    assert races.main(["--count", "6", "--seed", "3"]) == 0
    assert capsys.readouterr().out == "tried 6, bad 0\n"


def test_writers_that_fail_are_counted(monkeypatch, capsys):
    monkeypatch.setattr(races, "_SAVES", 1)
    before = races.save

    def failing(folder, value):
        if value % 8 != 0:
            raise OSError("no")
        before(folder, value)

    monkeypatch.setattr(races, "save", failing)
    assert races.main(["--count", "1"]) == 1
    output = capsys.readouterr()
    assert output.out == "tried 1, bad 1\n" and "a writer ended with 1" in output.err
