"""The terminal."""

from __future__ import annotations

from spl_onnx.report.console import Terminal, add_row, make_table


def table():
    made = make_table("title", "name", "value", text=("name",))
    add_row(made, "conv[bold]:x:[/nothing]", 3)
    add_row(made, "other", None)
    return made


def test_names_are_never_markup(capsys):
    Terminal().table(table())
    out = capsys.readouterr().out
    assert "conv[bold]:x:[/nothing]" in out
    assert [line.split()[-2] for line in out.splitlines() if "other" in line] == ["-"]


def test_lines_are_not_folded(capsys):
    Terminal().line("word " * 100 + "[end]")
    assert capsys.readouterr().out == "word " * 100 + "[end]\n"


def test_quiet_prints_nothing(capsys):
    terminal = Terminal(quiet=True)
    terminal.line("a")
    terminal.table(table())
    with terminal.progress("work", 3) as progress:
        progress(1)
    assert capsys.readouterr() == ("", "")


def test_progress_is_silent_where_nobody_looks(capsys):
    with Terminal().progress("work", None) as progress:
        progress(5)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Terminal().progress("work", 3) as progress:
        progress(3)
    assert capsys.readouterr().out == ""
