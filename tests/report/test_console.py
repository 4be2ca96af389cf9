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


def test_names_cannot_command_the_terminal(capsys):
    made = make_table("a\x1b[2Jb", "name", text=("name",))
    add_row(made, "\x1b]0;title\x07[red]x[/red]\u202e\r")
    Terminal().table(made)
    Terminal().line("model \x9b31m\nsecond")
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert "a\\u001b[2Jb" in out and "\\u001b]0;title\\u0007[red]x[/red]\\u202e\\u000d" in out
    assert "model \\u009b31m\\u000asecond\n" in out


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
